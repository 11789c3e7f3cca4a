"""From scheduled to sent: release with all its reservations, signing, sending, and the ways back before signing.

Reached through PayoutManager alone. No function here talks to a node: the facts it needs are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q, QuerySet, Sum

from lucid_payments import clock, commits, locks, nudge
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import NotCancellable
from payouts import ledger, timeline, treasury_keys
from payouts.approvals import requests
from payouts.conditions import Conditions, Lost
from payouts.doors import Doors
from payouts.headroom import Slots, claim_of
from payouts.models.attempt import IN_FLIGHT, UNRESOLVED, Attempt, AttemptState
from payouts.models.payout import HoldReason, Payout, PayoutStatus
from payouts.slots.gate import MAY_GO
from payouts.sweeps import outstanding
from payouts.tron import encoding
from payouts.tron.answers import BlockHeader
from payouts.tron.transfer import build_transfer
from routers import killswitch, limits

SIGN_TASK = "payouts.tasks.sign"
SEND_TASK = "payouts.tasks.send"
EXPIRATION_MS = 180_000
# Expirations are made unique by counting on; more than this ahead of the head means that something is wrong.
MAXIMUM_AHEAD_MS = EXPIRATION_MS + 60_000
RESEND_EVERY = timedelta(seconds=15)
PAUSE_AFTER_WITHDRAWAL = timedelta(seconds=30)
SIGN_BATCH = 100
CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A payout that may go, with what the chain said of it just now: energy, fees (sun), not blacklisted."""

    payout_pk: int
    energy: int
    fee_limit: int
    predicted_fee: int
    blacklist_clear_at: datetime
    blacklist_clear_block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What all attempts of one release share: addresses, a solid reference block, the head's time, the funds."""

    treasury: str
    contract: str
    reference: BlockHeader
    head_time_ms: int
    treasury_usdt: int
    treasury_trx: int
    treasury_block: int


@commits.atomic("release")
def release(candidates: Sequence[Candidate], outlook: Outlook) -> list[Attempt]:
    """Reserve limits and money for as many candidates as fit, in their order, and prepare their bytes.

    Those that don't fit after all are held with their reason. Releases run one at a time, so that the in-flight
    cap, the treasury's balance and the unique expirations are exact.
    """
    locks.hold(locks.AdvisoryLock.RELEASE)
    if killswitch.is_pulled() or outlook.treasury != treasury_keys.current():
        return []
    now = clock.now()
    facts = {candidate.payout_pk: candidate for candidate in candidates}
    rows = {
        payout.pk: payout
        for payout in timeline.locked(facts.keys())
        .select_related("creator")
        .filter(MAY_GO, status=PayoutStatus.SCHEDULED, due_at__lte=now)
    }
    due = [rows[pk] for pk in facts if pk in rows]
    gate = _Gate.open(now, outlook, due)
    going: list[tuple[Payout, list[int]]] = []
    waiting: dict[Lost, list[int]] = {}
    for payout in due:
        refusal = gate.refusal(payout, facts[payout.pk].predicted_fee)
        if refusal is None:
            going.append((payout, gate.take(payout, facts[payout.pk].predicted_fee)))
        else:
            waiting.setdefault(refusal, []).append(payout.pk)
    for held, pks in waiting.items():
        timeline.hold(Payout.objects.filter(pk__in=pks), held.reason, detail=held.sentence)
    gate.room.announce()
    if not going:
        return []
    limits.reserve(gate.room)
    attempts = _prepare(going, facts, outlook)
    timeline.move(
        [
            timeline.Step(
                payout=attempt.payout,
                to=PayoutStatus.RELEASED,
                attempt=attempt,
                detail=f"attempt {attempt.number}",
            )
            for attempt in attempts
        ],
        at=now,
    )
    nudge.after_commit(SIGN_TASK)
    return attempts


@dataclass(frozen=True, slots=True)
class Funds:
    """What the treasury can still promise: USDT in base units and TRX in sun, by the books and by the chain."""

    usdt: int
    trx: int

    @classmethod
    def left(cls, outlook: Outlook) -> Funds:
        """The treasury's balances less what is promised and, by the block they were read at, not yet gone."""
        unpaid = Q(state__in=IN_FLIGHT) | Q(
            state=AttemptState.INCLUDED, block_number__gt=outlook.treasury_block
        )
        promised = Attempt.objects.filter(unpaid, owner_address=outlook.treasury).aggregate(
            usdt=Sum("amount"), trx=Sum("predicted_fee")
        )
        # The books are one for all keys; on chain each key has its own.
        swept = outstanding.of(outlook.treasury)
        on_chain = outlook.treasury_usdt - (promised["usdt"] or 0) - swept.usdt
        return cls(
            usdt=min(on_chain, ledger.treasury_balance().available - outstanding.of().usdt),
            trx=outlook.treasury_trx - (promised["trx"] or 0) - swept.trx,
        )


@dataclass(slots=True)
class _Gate:
    """What is left of each reservation while one release picks its payouts."""

    room: limits.Room
    conditions: Conditions
    doors: Doors
    slots: Slots
    usdt: int
    trx: int

    @classmethod
    def open(cls, now: datetime, outlook: Outlook, due: Sequence[Payout]) -> _Gate:
        room = limits.locked_room(now, [claim_of(payout) for payout in due])
        funds = Funds.left(outlook)
        return cls(
            room, Conditions.of(due, now), Doors.now(), Slots.free(room.policies), funds.usdt, funds.trx
        )

    def refusal(self, payout: Payout, predicted_fee: int) -> Lost | None:
        lost = self.conditions.lost(payout)
        full = self._full(payout, predicted_fee)
        return lost or (Lost(full, "") if full else None)

    def _full(self, payout: Payout, predicted_fee: int) -> HoldReason | None:
        shut = self.doors.refusal(payout.router_type)
        if shut is not None:
            return shut
        full = self.room.refusal(claim_of(payout))
        if full is not None:
            return HoldReason(full)
        if not self.slots.any_for(payout.router_type):
            return HoldReason.IN_FLIGHT
        if self.usdt < payout.amount:
            return HoldReason.TREASURY_USDT
        if self.trx < predicted_fee:
            return HoldReason.TREASURY_TRX
        return None

    def take(self, payout: Payout, predicted_fee: int) -> list[int]:
        self.doors.take(payout.router_type)
        self.slots.take(payout.router_type)
        self.usdt -= payout.amount
        self.trx -= predicted_fee
        return self.room.take(claim_of(payout))


def _prepare(
    going: Sequence[tuple[Payout, list[int]]], facts: dict[int, Candidate], outlook: Outlook
) -> list[Attempt]:
    """Reserve the money and write the attempts with their bytes and txids."""
    reservations = ledger.reserve([payout for payout, _ in going])
    numbers = next_numbers([payout.pk for payout, _ in going])
    expirations = _unique_expirations(len(going), outlook.head_time_ms)
    attempts = []
    for (payout, windows), reservation, expiration_ms in zip(going, reservations, expirations, strict=True):
        fact = facts[payout.pk]
        raw_data = build_transfer(
            owner=outlook.treasury,
            recipient=payout.recipient_address,
            amount=payout.amount,
            contract=outlook.contract,
            reference=outlook.reference,
            expiration_ms=expiration_ms,
            timestamp_ms=outlook.head_time_ms,
            fee_limit_sun=fact.fee_limit,
        )
        attempts.append(
            Attempt(
                payout=payout,
                number=numbers[payout.pk],
                txid=encoding.txid(raw_data),
                raw_data=raw_data,
                owner_address=outlook.treasury,
                contract_address=outlook.contract,
                recipient_address=payout.recipient_address,
                amount=payout.amount,
                fee_limit=fact.fee_limit,
                expiration_ms=expiration_ms,
                reference_block=outlook.reference.number,
                predicted_energy=fact.energy,
                predicted_fee=fact.predicted_fee,
                blacklist_clear_at=fact.blacklist_clear_at,
                blacklist_clear_block=fact.blacklist_clear_block,
                reservation=reservation,
                windows=windows,
            )
        )
    return Attempt.objects.bulk_create(attempts)


def next_numbers(pks: Sequence[int]) -> dict[int, int]:
    """The number of each of these payouts' next attempt."""
    last = dict(
        Attempt.objects.filter(payout_id__in=pks)
        .values_list("payout_id")
        .annotate(last=Max("number"))
        .order_by()
    )
    return {pk: last.get(pk, 0) + 1 for pk in pks}


def _unique_expirations(count: int, head_time_ms: int) -> list[int]:
    """`count` expirations that no attempt ever had: equal bytes would be one transaction for two payouts."""
    last = Attempt.objects.aggregate(last=Max("expiration_ms"))["last"] or 0
    first = max(head_time_ms + EXPIRATION_MS, last + 1)
    if first + count - head_time_ms > MAXIMUM_AHEAD_MS:
        raise ClockTrip("earlier attempts expire far ahead of the chain's time: the chain's clock went back")
    return list(range(first, first + count))


class ClockTrip(Exception):
    """Chain time went backwards; nothing may be built until it has caught up."""


@commits.atomic("sign")
def sign(
    attempts_signer: Callable[[list[Attempt], datetime], SigningResult], *, limit: int = SIGN_BATCH
) -> SigningResult:
    """Let the signer's desk sign what is prepared. Runs in the signer alone.

    The rows stay locked from before the journal is written until the signatures are committed: a withdrawal
    either comes first, and nothing is signed, or waits and finds the attempt signed.
    """
    # No sanctions list comes into force between the look at it and the signature's commit.
    locks.hold(locks.AdvisoryLock.LISTS)
    now = clock.now()
    rows = list(
        Attempt.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("payout")
        .filter(state=AttemptState.PREPARED)
        .exclude(payout__router_type__in=killswitch.stopped_routers())
        .order_by("pk")[:limit]
    )
    if not rows:
        return SigningResult()
    result = attempts_signer(rows, now)
    by_pk = {attempt.pk: attempt for attempt in rows}
    for pk, signed_transaction in result.signed.items():
        attempt = by_pk[pk]
        attempt.state = AttemptState.SIGNED
        attempt.signed_transaction = signed_transaction
        attempt.signed_at = now
        attempt.next_send_at = now
        attempt.list_versions = result.lists
    Attempt.objects.bulk_update(
        [by_pk[pk] for pk in result.signed],
        ["state", "signed_transaction", "signed_at", "next_send_at", "list_versions"],
    )
    for pk, (reason, sentence) in result.refused.items():
        _withdraw([by_pk[pk]], hold=reason, detail=sentence, at=now)
    if result.signed:
        nudge.after_commit(SEND_TASK)
    return result


class SigningResult:
    """What the desk decided: signed bytes, or a hold reason and a sentence, by attempt's primary key."""

    def __init__(self) -> None:
        self.signed: dict[int, bytes] = {}
        self.refused: dict[int, tuple[HoldReason, str]] = {}
        # The sanctions lists that the recipients were looked for on: name -> version.
        self.lists: dict[str, int] = {}


@commits.atomic("claim")
def claim_for_sending(limit: int, head_time_ms: int) -> list[Attempt]:
    """Take up to `limit` attempts whose bytes should go out (again), and mark them sent before the first byte leaves.

    What expires by the head's time is no longer sent; nor is anything while its kill switch is pulled.
    """
    now = clock.now()
    rows = list(
        Attempt.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("payout", "payout__creator")
        .filter(
            state__in=(AttemptState.SIGNED, AttemptState.SENT),
            next_send_at__lte=now,
            expiration_ms__gt=head_time_ms,
        )
        .exclude(payout__router_type__in=killswitch.stopped_routers())
        .order_by("next_send_at", "pk")[:limit]
    )
    first_time = [attempt for attempt in rows if attempt.state == AttemptState.SIGNED]
    for attempt in rows:
        attempt.state = AttemptState.SENT
        attempt.first_sent_at = attempt.first_sent_at or now
        attempt.next_send_at = now + RESEND_EVERY
        attempt.sends += 1
    Attempt.objects.bulk_update(rows, ["state", "first_sent_at", "next_send_at", "sends"])
    timeline.move(
        [
            timeline.Step(payout=attempt.payout, to=PayoutStatus.SENT, attempt=attempt)
            for attempt in first_time
            if attempt.payout.status == PayoutStatus.RELEASED
        ],
        at=now,
    )
    return rows


@commits.atomic("withdraw")
def withdraw(attempts: QuerySet[Attempt], *, hold: HoldReason, detail: str) -> int:
    """Take back prepared attempts that nobody signed: all they reserved is free at once, and no retry is used.

    Attempts that the signer holds at this moment are waited for; what it signed is left alone.
    """
    rows = list(
        attempts.select_for_update(of=("self",))
        .select_related("payout", "payout__creator")
        .filter(state=AttemptState.PREPARED)
        .order_by("pk")
    )
    _withdraw(rows, hold=hold, detail=detail, at=clock.now())
    return len(rows)


def _withdraw(rows: Sequence[Attempt], *, hold: HoldReason | None, detail: str, at: datetime) -> None:
    if not rows:
        return
    take_back(rows)
    timeline.move(
        [
            timeline.Step(
                payout=attempt.payout,
                to=PayoutStatus.SCHEDULED,
                attempt=attempt,
                hold=hold,
                detail=detail,
                # What the signer refused once it would refuse again at once.
                changes={"due_at": at + PAUSE_AFTER_WITHDRAWAL},
            )
            for attempt in rows
        ],
        at=at,
    )


def take_back(rows: Sequence[Attempt]) -> None:
    """The attempts are locked and prepared: end them, void their money, give their windows back."""
    pks = [attempt.pk for attempt in rows]
    changed = Attempt.objects.filter(pk__in=pks, state=AttemptState.PREPARED).update(
        state=AttemptState.WITHDRAWN, resolved_at=clock.LucidNow()
    )
    if changed != len(pks):
        raise timeline.StateConflict("an attempt was signed while it was being withdrawn")
    limits.give_back((attempt.windows, attempt.amount) for attempt in rows)
    ledger.void(rows)


@commits.atomic("cancel")
def cancel(payout: Payout, *, actor: User, reason: str) -> Payout:
    """Call a payout off. Raises NotCancellable once an attempt of it is signed and may still land."""
    # Attempts are made under this lock: none can come between the look for them and the cancellation.
    locks.hold(locks.AdvisoryLock.RELEASE)
    prepared = list(
        Attempt.objects.select_for_update(of=("self",)).filter(payout=payout, state=AttemptState.PREPARED)
    )
    locked = timeline.locked([payout.pk]).select_related("creator").get()
    landing = Attempt.objects.filter(payout=locked, state__in=(*UNRESOLVED, AttemptState.SUCCEEDED)).exists()
    open_states = (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.SCHEDULED, PayoutStatus.RELEASED)
    if locked.status not in open_states or landing:
        raise NotCancellable({"status": locked.public_status})
    if prepared:
        take_back(prepared)
    at = clock.now()
    timeline.move(
        [
            timeline.Step(
                payout=locked,
                to=PayoutStatus.CANCELLED,
                detail=reason,
                changes={"failure_code": CANCELLED, "failure_message": f"Cancelled: {reason}"[:300]},
            )
        ],
        actor=actor,
        at=at,
    )
    requests.withdraw_what_waits_for_nothing(locked, at)
    return locked


@commits.atomic("hold")
def hold(
    payouts: QuerySet[Payout], reason: HoldReason | None, *, detail: str = "", until: datetime | None = None
) -> int:
    """Say why these scheduled payouts don't go now, and not before when they are looked at again. None: nothing."""
    return timeline.hold(payouts, reason, detail=detail, until=until)
