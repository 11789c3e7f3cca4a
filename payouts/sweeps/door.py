"""Every change of a sweep's or its transfers' state is one of these functions: atomic, guarded, and told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Q, Sum

from lucid_payments import clock, commits, locks, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox
from lucid_payments.money import format_usdt
from payouts import alarms, chain, ledger
from payouts.execution import EXPIRATION_MS, SEND_TASK, SIGN_TASK
from payouts.models.attempt import IN_FLIGHT, Attempt, AttemptState
from payouts.models.chain import ChainState, OrphanSignature, OrphanState
from payouts.models.ledger import Currency
from payouts.models.sweep import LIVE, Sweep, SweepCause, SweepState, SweepTransfer, TransferState
from payouts.sweeps import compromised, outstanding
from payouts.tron import addresses, encoding, sweep
from payouts.tron.answers import SUCCESS
from payouts.tron.evidence import moved_by
from payouts.tron.signing.desk import Refused, Signed
from payouts.tron.signing.journal import Entry
from payouts.tron.transfer import build_transfer
from payouts.tron.verdict import FAILURES, Finding
from routers import killswitch

RESEND_EVERY: Final = timedelta(seconds=15)
WATCH_TASK: Final = "payouts.tasks.watch"
REFUSED_ALARM: Final = "sweep_refused"
DIFFERS_ALARM: Final = "sweep_differs"
FOUND_AGAIN: Final = "Found again in the signer's journal: the database was restored."


@commits.atomic("sweep_begun")
def begin(
    address: str, destination: str, *, cause: SweepCause, with_trx: bool, by: Sequence[User], reason: str
) -> Sweep:
    """Sweep this key from now on. One that is under way goes on, with the TRX too where that is asked now.

    Nothing is left on a key that others may know: its TRX go too, whoever begins.
    """
    locks.hold_names([f"sweep {address}"])
    with_trx = with_trx or compromised.known(address) is not None
    known = Sweep.objects.select_for_update().filter(address=address, state=SweepState.OPEN).first()
    if known is not None:
        if with_trx and not known.with_trx:
            Sweep.objects.filter(pk=known.pk).update(with_trx=True)
        return known
    names = [person.get_username() for person in by] or [log.SYSTEM]
    made = Sweep.objects.create(
        address=address,
        destination=destination,
        cause=cause,
        with_trx=with_trx,
        begun_by=", ".join(names)[:320],
        reason=reason[:500],
    )
    _tell(
        "sweep.begun",
        made,
        {"cause": cause.value, "by": names, "reason": reason},
        actor=by[-1] if by else None,
    )
    nudge.after_commit(WATCH_TASK)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the chain said just now: all that the key holds of a currency, and what a transfer of it may burn (sun).

    Balances are base units and sun, read after the head block of `state` was.
    """

    currency: Currency
    balance: int
    fee_limit: int
    state: ChainState


@commits.atomic("sweep_prepared")
def prepare(sweep_pk: int, offer: Offer) -> SweepTransfer | None:
    """Fix the next transfer's bytes; None when a transfer is under way, or nothing is free."""
    # Attempts are made under this lock: none can promise the same money meanwhile.
    locks.hold(locks.AdvisoryLock.RELEASE)
    row = Sweep.objects.select_for_update().get(pk=sweep_pk)
    if row.state != SweepState.OPEN or row.transfers.filter(state__in=LIVE).exists():
        return None
    usdt = offer.currency == Currency.USDT
    amount = (
        min(offer.balance - in_flight(row.address, offer.state), free_in_books()) if usdt else offer.balance
    )
    if amount <= 0:
        return None
    head_ms = offer.state.head_time_ms
    common: dict[str, Any] = {
        "owner": row.address,
        "recipient": row.destination,
        "amount": amount,
        "reference": chain.reference(offer.state),
        "expiration_ms": head_ms + EXPIRATION_MS,
        # A payout's is a block's own time: its bytes, and so its txid, are never a sweep's.
        "timestamp_ms": head_ms + 1,
    }
    raw_data = (
        build_transfer(**common, contract=chain.network().usdt_contract, fee_limit_sun=offer.fee_limit)
        if usdt
        else sweep.build_trx(**common)
    )
    made = SweepTransfer.objects.create(
        sweep=row,
        currency=offer.currency,
        txid=encoding.txid(raw_data),
        raw_data=raw_data,
        amount=amount,
        expiration_ms=head_ms + EXPIRATION_MS,
    )
    Sweep.objects.filter(pk=row.pk).update(detail="")
    nudge.after_commit(SIGN_TASK)
    return made


def in_flight(address: str, state: ChainState) -> int:
    """Base units that signatures of this key, or bytes that may be signed, can still take from the balance that was
    read after this head block."""
    going = Q(state__in=IN_FLIGHT) | Q(state=AttemptState.INCLUDED, block_number__gt=state.head_number)
    attempts = Attempt.objects.filter(going, owner_address=address).aggregate(sum=Sum("amount"))["sum"]
    orphans = OrphanSignature.objects.filter(state=OrphanState.OPEN).aggregate(sum=Sum("amount"))["sum"]
    return int(attempts or 0) + int(orphans or 0)


def free_in_books() -> int:
    """Base units that the books can let go: what came in and isn't booked yet follows with the next transfer."""
    return ledger.treasury_balance().available - outstanding.of().usdt


@commits.atomic("sweep_signed")
def sign(desk: Callable[[Mapping[str, bytes]], Sequence[Signed | Refused]]) -> list[str]:
    """Let the signer's desk sign what is prepared; answers the txids in the desk's order. Runs in the signer alone."""
    rows = {
        row.txid: row
        for row in SweepTransfer.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(state=TransferState.PREPARED)
        .order_by("pk")
    }
    if not rows:
        return []
    signed = []
    for answer in desk({txid: bytes(row.raw_data) for txid, row in rows.items()}):
        row = SweepTransfer.objects.filter(pk=rows[answer.attempt_id].pk, state=TransferState.PREPARED)
        if isinstance(answer, Signed):
            row.update(**_signed(answer.signed_transaction))
            signed.append(answer.txid)
        elif rows[answer.attempt_id].refusal != answer.sentence[:300]:
            row.update(refusal=answer.sentence[:300])
            alarms.raise_alarm(REFUSED_ALARM, f"The signer refuses a sweep: {answer.sentence}")
    if signed:
        alarms.clear([REFUSED_ALARM])
        nudge.after_commit(SEND_TASK)
    return signed


def _signed(signed_transaction: bytes) -> dict[str, Any]:
    return {
        "state": TransferState.SIGNED,
        "signed_transaction": signed_transaction,
        "signed_at": LucidNow(),
        "next_send_at": LucidNow(),
        "refusal": "",
    }


def adopt(entry: Entry, resign: Callable[[Entry], bytes]) -> bool:
    """The signer's journal tells of a sweep's signature: the database knows it from now on. False: it didn't.

    Called inside the transaction that compares the two.
    """
    known = SweepTransfer.objects.select_for_update().filter(txid=entry.txid).first()
    if known is not None:
        if known.state == TransferState.PREPARED:
            SweepTransfer.objects.filter(pk=known.pk, state=TransferState.PREPARED).update(
                **_signed(resign(entry))
            )
        return True
    told = sweep.read_sweep(bytes.fromhex(entry.raw_data))
    row = Sweep.objects.filter(address=told.owner, state=SweepState.OPEN).first() or begin(
        told.owner,
        told.recipient,
        cause=SweepCause.JOURNAL,
        with_trx=False,
        by=[],
        reason=FOUND_AGAIN,
    )
    SweepTransfer.objects.create(
        sweep=row,
        currency=Currency.USDT if told.contract else Currency.TRX,
        txid=entry.txid,
        raw_data=bytes.fromhex(entry.raw_data),
        amount=told.amount,
        expiration_ms=told.expiration_ms,
        **_signed(resign(entry)),
    )
    return False


@commits.atomic("sweep_claimed")
def claim_for_sending(head_time_ms: int) -> list[SweepTransfer]:
    """Take what should go out (again), and mark it sent before the first byte leaves. No kill switch stops it."""
    rows = list(
        SweepTransfer.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(
            state__in=(TransferState.SIGNED, TransferState.SENT),
            next_send_at__lte=LucidNow(),
            expiration_ms__gt=head_time_ms,
        )
        .order_by("pk")
    )
    next_send_at = clock.now() + RESEND_EVERY
    for row in rows:
        row.state = TransferState.SENT
        row.sends += 1
        row.next_send_at = next_send_at
    SweepTransfer.objects.bulk_update(rows, ["state", "sends", "next_send_at"])
    return rows


def note_answers(transfer: SweepTransfer, answers: Mapping[str, str]) -> None:
    """What the nodes said to the bytes; kept for people, judged by nobody."""
    SweepTransfer.objects.filter(pk=transfer.pk).update(answers=dict(answers))


def note_absence(transfer: SweepTransfer, absence: list[dict[str, Any]] | None) -> None:
    """Remember where and when an expired transfer was first found absent; None forgets it."""
    SweepTransfer.objects.filter(pk=transfer.pk, state__in=LIVE).update(absence=absence)


def note_waiting(sweep_pk: int, why: str) -> None:
    """What the sweep waits for, in a sentence."""
    Sweep.objects.filter(pk=sweep_pk, state=SweepState.OPEN).exclude(detail=why[:300]).update(
        detail=why[:300]
    )


@commits.atomic("sweep_settled")
def settle(transfer_pk: int, landed: Finding) -> bool:
    """It stands in a final block, by two providers' word: book what it moved and burned. False: not now, or before.

    What the books don't hold yet (a top-up that isn't booked) is waited for: they are never overdrawn.
    """
    row = _locked(transfer_pk)
    if row is None:
        return False
    usdt, trx, differs = _moved(row, landed)
    if usdt > ledger.treasury_balance().available:
        return False
    failed = landed.info.result in FAILURES and not usdt
    row.state = TransferState.REVERTED if failed else TransferState.SUCCEEDED
    row.block_number, row.block_id = landed.info.block_number, landed.block_id
    row.result, row.fee = landed.info.result[:30], landed.info.fee_sun
    row.resolved_at = clock.now()
    row.save(update_fields=["state", "block_number", "block_id", "result", "fee", "resolved_at"])
    ledger.book_sweep(
        usdt, trx=trx, fee=landed.info.fee_sun, txid=row.txid, destination=row.sweep.destination
    )
    details = {
        "txid": row.txid, "currency": row.currency, "amount": format_usdt(usdt or trx),
        "fee_trx": format_usdt(landed.info.fee_sun), "result": row.result,
    }  # fmt: skip
    _tell(f"sweep.transfer_{row.state}", row.sweep, details)
    if differs:
        sentence = (
            f"Transaction {row.txid} of a sweep did something else than was asked: two people must look."
        )
        killswitch.pull(actor=None, reason=sentence)
        alarms.raise_alarm(DIFFERS_ALARM, sentence)
    return True


def _moved(row: SweepTransfer, landed: Finding) -> tuple[int, int, bool]:
    """Base units and sun that left, and whether that isn't what was asked."""
    info = landed.info
    if row.currency == Currency.TRX:
        return 0, row.amount if info.result == SUCCESS else 0, False
    left = moved_by(info, addresses.decode(row.sweep.address))
    reached = sum(amount for to, amount in left if to == addresses.decode(row.sweep.destination))
    usdt = sum(amount for _, amount in left)
    as_asked = (usdt, reached) == (row.amount, row.amount) if info.result == SUCCESS else not usdt
    return usdt, 0, not as_asked


@commits.atomic("sweep_dead")
def declare_dead(transfer_pk: int) -> bool:
    """Proven never to land (sentence 5 of the design): the next transfer may be made."""
    row = _locked(transfer_pk)
    if row is None:
        return False
    SweepTransfer.objects.filter(pk=row.pk).update(state=TransferState.DEAD, resolved_at=LucidNow())
    _tell("sweep.transfer_dead", row.sweep, {"txid": row.txid, "currency": row.currency})
    return True


def _locked(transfer_pk: int) -> SweepTransfer | None:
    rows = SweepTransfer.objects.select_for_update(of=("self",)).select_related("sweep")
    return rows.filter(pk=transfer_pk, state__in=LIVE).first()


@commits.atomic("sweep_ended")
def end(sweep_pk: int, *, with_trx: bool) -> bool:
    """The key holds nothing any more, by every provider's word, and nothing of it is in flight.

    `with_trx` is what the sweep was to bring home when the chain was asked: where more is asked since, it goes on.
    """
    locks.hold(locks.AdvisoryLock.RELEASE)
    row = Sweep.objects.select_for_update().get(pk=sweep_pk)
    going = Attempt.objects.filter(owner_address=row.address, state__in=(*IN_FLIGHT, AttemptState.INCLUDED))
    if row.state != SweepState.OPEN or row.with_trx != with_trx:
        return False
    if row.transfers.filter(state__in=LIVE).exists() or going.exists():
        return False
    Sweep.objects.filter(pk=row.pk).update(state=SweepState.DONE, detail="", ended_at=LucidNow())
    alarms.clear([REFUSED_ALARM])
    _tell("sweep.ended", row, _total(row))
    return True


def _total(row: Sweep) -> dict[str, str]:
    sums = dict(
        row.transfers.filter(state=TransferState.SUCCEEDED)
        .order_by()
        .values_list("currency")
        .annotate(sum=Sum("amount"))
    )
    return {"usdt": format_usdt(sums.get(Currency.USDT, 0)), "trx": format_usdt(sums.get(Currency.TRX, 0))}


def _tell(what: str, row: Sweep, details: Mapping[str, Any], *, actor: User | None = None) -> None:
    told = {"address": row.address, "destination": row.destination, **details}
    log.record(what, actor=actor, subject=row, details=told)
    outbox.emit(what, subject_type="sweep", subject_id=str(row.pk), owner=None, payload=told)
