"""Cases: a difference, opened once by a run and closed by people who say what it was."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log as audit
from lucid_payments.events import outbox
from lucid_payments.money import format_usdt
from payouts import alarms, gates, ledger
from payouts import cases as for_people
from payouts.models.chain import ChainState
from payouts.models.ledger import Currency, LedgerTransfer
from payouts.models.reconciliation import CaseKind, CaseState, ReconciliationCase, ReconciliationRun
from payouts.reconciliation import books
from payouts.reconciliation.comparison import Difference
from payouts.reconciliation.errors import Inconclusive, Refused
from payouts.reconciliation.reading import Balances, ChainTransaction, Moved
from routers import killswitch

log = logging.getLogger(__name__)
ALARM: Final = "reconciliation_difference"
ACTOR: Final = "reconciliation"
# Value that left and isn't ours is found and booked in the queue of what needs people, by their evidence.
BOOKED_ELSEWHERE: Final = (CaseKind.UNKNOWN_OUTGOING,)
ELSEWHERE: Final = "Two people book what left where it needs people; this case is closed by that."


def require_signer(found: Iterable[Difference], balance: int = 0) -> None:
    """Value that nobody knows of is judged only while the signer lives: its journal may explain it, after a restore.

    `balance`: base units that the treasury holds less than expected, negative. Raises Inconclusive.
    """
    unknown = balance < 0 or any(each.kind == CaseKind.UNKNOWN_OUTGOING for each in found)
    if unknown and not gates.signer_lives(clock.now()):
        raise Inconclusive(
            "Value left the treasury, and the signer, whose journal may explain it, gives no sign of life."
        )


def open_all(run: ReconciliationRun, found: Iterable[Difference]) -> int:
    """Open a case for each that has none; answers how many are new. The caller holds a transaction."""
    return sum(_open(run, difference) for difference in found)


def open_balance(
    run: ReconciliationRun, currency: Currency, difference: int, *, at: Balances, told: int
) -> None:
    """The treasury holds less than books and cases explain, and its blocks don't say why. `told`: what they expect.

    Amounts in base units or sun. The caller holds a transaction.
    """
    case = ReconciliationCase.objects.create(
        run=run,
        kind=CaseKind.BALANCE_DIFFERS,
        block_number=at.block_number,
        block_id=at.block_id,
        currency=currency,
        difference=difference,
        chain={"balance": at.usdt if currency == Currency.USDT else at.trx},
        books={"balance": told},
    )
    _tell(case, f"The treasury holds {format_usdt(-difference)} {currency} less than the books say.")
    if currency == Currency.USDT:
        _stop(f"{format_usdt(-difference)} USDT left the treasury that nothing explains.", amount=-difference)


def _open(run: ReconciliationRun, found: Difference) -> bool:
    seen = found.seen
    case, created = ReconciliationCase.objects.get_or_create(
        kind=found.kind,
        txid=found.txid,
        defaults={
            "run": run,
            "block_number": seen.block_number if seen else None,
            "block_id": seen.block_id if seen else "",
            "block_time": clock.from_ms(seen.block_time_ms) if seen else None,
            "chain_usdt": seen.usdt_out if seen else 0,
            "chain_trx": seen.trx_gone if seen else 0,
            "currency": found.currency,
            "difference": found.amount,
            "chain": chain_facts(seen),
            "books": asdict(found.booked) if found.booked else {},
        },
    )
    if created:
        _tell(case, f"{case.get_kind_display()}: transaction {found.txid}.")
        if found.kind == CaseKind.UNKNOWN_OUTGOING and seen is not None:
            _stop(
                f"Transaction {found.txid} left the treasury and isn't ours.",
                amount=seen.usdt_out,
                txid=found.txid,
                block=seen.block_number,
            )
    return created


def chain_facts(seen: ChainTransaction | None) -> dict[str, Any]:
    """The chain's side as JSON: what the case's page shows and an auditor may recompute."""
    if seen is None:
        return {}
    return {
        "result": seen.result,
        "fee": seen.fee,
        "trx_out": seen.trx_out,
        "trx_staked": seen.trx_staked,
        "trx_recipient": seen.trx_recipient,
        "made_by_treasury": seen.made_by_treasury,
        "transfers": [_transfer(moved) for moved in (*seen.outgoing, *seen.incoming)],
    }


def _transfer(moved: Moved) -> dict[str, Any]:
    return {"log_index": moved.log_index, "from": moved.sender, "to": moved.recipient, "amount": moved.amount}


def _tell(case: ReconciliationCase, sentence: str) -> None:
    log.error("reconciliation case %s: %s", case.pk, sentence)
    alarms.raise_alarm(ALARM, sentence)
    details = {"kind": case.kind, "txid": case.txid, "difference": case.difference, "currency": case.currency}
    audit.record("reconciliation.case_opened", actor=ACTOR, subject=case, details=details)
    outbox.emit(
        "reconciliation.case_opened",
        subject_type="reconciliation_case",
        subject_id=str(case.pk),
        owner=None,
        payload=details,
    )


def _stop(sentence: str, *, amount: int, txid: str = "", block: int = 0) -> None:
    """Nothing is signed or sent any more, and two people must find and book what left (base units)."""
    killswitch.pull(actor=None, reason=sentence)
    for_people.open_unknown(
        txid=txid, amount=amount, state=ChainState.objects.get(pk=1), sentence=sentence, block=block
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """What would set the books right: base units and sun by which the treasury's side changes."""

    usdt: int
    trx: int

    def __bool__(self) -> bool:
        return bool(self.usdt or self.trx)


def correction(case: ReconciliationCase) -> Correction:
    """What the books are still off by because of this case; nothing where somebody has booked it meanwhile."""
    if case.kind == CaseKind.BALANCE_DIFFERS:
        if books.is_settled(case):
            return Correction(0, 0)
        usdt = case.currency == Currency.USDT
        return Correction(case.difference if usdt else 0, 0 if usdt else case.difference)
    entry = books.booked([case.txid]).get(case.txid)
    return Correction(
        (entry.usdt if entry else 0) - case.chain_usdt, (entry.trx if entry else 0) - case.chain_trx
    )


@transaction.atomic
def explain(
    case: ReconciliationCase,
    *,
    reason: str,
    actor: User,
    confirmer: User | None,
    book: bool,
    request_id: str = "",
) -> None:
    """Close a case. With `book`, the ledger is set right too, which takes two people. Raises Refused."""
    locked = ReconciliationCase.objects.select_for_update().get(pk=case.pk)
    if locked.state != CaseState.OPEN:
        raise Refused("This case is closed already.")
    if book and confirmer is None:
        raise Refused("Moving money in the books takes a second person.")
    if locked.kind in BOOKED_ELSEWHERE and correction(locked):
        raise Refused(ELSEWHERE)
    row = _book(locked) if book else None
    _close(
        locked,
        reason=reason,
        label=actor.get_username(),
        second=confirmer.get_username() if confirmer else "",
        row=row,
    )
    details = {"reason": reason, "booked": row is not None} | (
        {"confirmed_by": confirmer.get_username()} if confirmer else {}
    )
    audit.record(
        "reconciliation.case_explained", actor=actor, subject=locked, details=details, request_id=request_id
    )
    outbox.emit(
        "reconciliation.case_explained",
        subject_type="reconciliation_case",
        subject_id=str(locked.pk),
        owner=None,
        payload=details,
    )


def _close(
    case: ReconciliationCase, *, reason: str, label: str, second: str = "", row: LedgerTransfer | None = None
) -> None:
    ReconciliationCase.objects.filter(pk=case.pk, state=CaseState.OPEN).update(
        state=CaseState.EXPLAINED,
        explanation=reason,
        closed_by_label=label,
        confirmed_by_label=second,
        closed_at=clock.LucidNow(),
        booking=row,
    )
    if not ReconciliationCase.objects.filter(state=CaseState.OPEN).exists():
        alarms.clear([ALARM])


def close_settled() -> None:
    """What two people have booked elsewhere since is explained by that. The caller holds a transaction."""
    for case in ReconciliationCase.objects.filter(
        state=CaseState.OPEN, kind__in=(*BOOKED_ELSEWHERE, CaseKind.BALANCE_DIFFERS)
    ):
        if not correction(case):
            _close(case, reason="Booked by two people since.", label=ACTOR)


def _book(case: ReconciliationCase) -> LedgerTransfer:
    if case.kind in BOOKED_ELSEWHERE:
        raise Refused(ELSEWHERE)
    off = correction(case)
    if not off:
        raise Refused("The books agree with this case by now: there is nothing to book.")
    if off.usdt < 0 and -off.usdt > ledger.treasury_balance().available:
        raise Refused("The books don't hold so much that isn't reserved: wait for payouts on their way.")
    note = f"reconciliation case {case.pk}"
    rows = [
        ledger.correct(amount, currency=currency, txid=case.txid, note=note)
        for amount, currency in ((off.usdt, Currency.USDT), (off.trx, Currency.TRX))
        if amount
    ]
    return rows[0]
