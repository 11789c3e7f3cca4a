"""The release loop: which payouts go now, asked of the chain, and handed to the manager; the others say why not."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from lucid_payments import clock
from lucid_payments.locks import AdvisoryLock, only_one
from payouts import chain, gates, recovery, watching
from payouts.execution import Candidate, ClockTrip, Funds, Outlook
from payouts.manager import PayoutManager
from payouts.models.attempt import IN_FLIGHT, Attempt, AttemptState
from payouts.models.chain import ChainState
from payouts.models.payout import HoldReason, Payout, PayoutStatus
from payouts.preflight import Preflight, Refused
from payouts.tron.errors import NodeError
from routers import limits

BATCH = 50
# How far down the queue one round looks for payouts that fit.
LOOK_AHEAD = 500
READING_AGE = timedelta(seconds=15)
# A prepared attempt that nobody signed until this much is left of its life is taken back.
UNSIGNED_MARGIN_MS = 90_000


def release_due() -> int:
    """Release what may go now; answers how many payouts went. Only one process looks at a time: two would ask
    the nodes about the same payouts.
    """
    with only_one(AdvisoryLock.RELEASE_ROUND) as mine:
        return _round() if mine else 0


def _round() -> int:
    withdraw_unsigned()
    now = clock.now()
    if not _due(now).exists():
        return 0
    state = chain.state()
    if state.read_at is None or now - state.read_at > READING_AGE or state.statement_at is None:
        watching.poll()
        state, now = chain.state(), clock.now()
    shut = gates.closed(state, now)
    if shut is not None:
        PayoutManager.hold(_due(now), shut.reason, detail=shut.sentence)
        return 0
    released = _release(state, now)
    gates.tell_of_funds(set(_due(now).values_list("hold_reason", flat=True)))
    return released


def withdraw_unsigned() -> int:
    """Take back attempts whose signer never came: the money is free at once and no retry is used."""
    head_ms = max(chain.state().head_time_ms, clock.to_ms(clock.now()))
    late = Attempt.objects.filter(state=AttemptState.PREPARED, expiration_ms__lt=head_ms + UNSIGNED_MARGIN_MS)
    if not late.exists():
        return 0
    return PayoutManager.withdraw(late, hold=HoldReason.SIGNER, detail="The signer didn't sign in time.")


def _due(now: datetime) -> QuerySet[Payout]:
    return Payout.objects.filter(status=PayoutStatus.SCHEDULED, due_at__lte=now)


def _release(state: ChainState, now: datetime) -> int:
    free = settings.IN_FLIGHT_CAP - Attempt.objects.filter(state__in=IN_FLIGHT).count()
    outlook = _outlook(state)
    picked = _pick(now, min(free, BATCH), Funds.left(outlook).usdt)
    if not picked:
        return 0
    try:
        check = Preflight.of(state)
    except NodeError as error:
        PayoutManager.hold(_due(now), HoldReason.NODES, detail=f"A node's answer is missing: {error}")
        return 0
    candidates: list[Candidate] = []
    for payout, found in check.all(picked):
        if isinstance(found, Refused):
            PayoutManager.hold(
                Payout.objects.filter(pk=payout.pk),
                found.reason,
                detail=found.sentence,
                until=now + found.look_again if found.look_again else None,
            )
        else:
            candidates.append(found)
    if not candidates:
        return 0
    try:
        released = len(PayoutManager.release(candidates, outlook))
    except ClockTrip as trip:
        PayoutManager.hold(_due(now), HoldReason.CLOCK, detail=str(trip))
        return 0
    short_of_trx = Payout.objects.filter(
        pk__in=[c.payout_pk for c in candidates], hold_reason=HoldReason.TREASURY_TRX
    )
    if not released and short_of_trx.exists():
        # Every transfer burns about the same: the others needn't be asked about.
        PayoutManager.hold(_due(now), HoldReason.TREASURY_TRX)
    return released


def _pick(now: datetime, slots: int, usdt: int) -> list[Payout]:
    """The next payouts that fit, in order, into the slots, the windows and the treasury's `usdt` (base units);
    those passed over are held with the reason.
    """
    queue = _due(now).order_by("priority", "due_at", "pk")
    if slots < 1:
        PayoutManager.hold(queue, HoldReason.IN_FLIGHT)
        return []
    room = limits.room(now)
    suspects = recovery.suspects()
    picked: list[Payout] = []
    waiting: dict[HoldReason, list[int]] = {}
    for payout in queue[:LOOK_AHEAD]:
        refusal = room.refusal(payout.router_type, payout.amount)
        if (payout.recipient_address, payout.amount) in suspects:
            waiting.setdefault(HoldReason.POSSIBLE_DUPLICATE, []).append(payout.pk)
        elif refusal is not None:
            waiting.setdefault(HoldReason(refusal), []).append(payout.pk)
        elif payout.amount > usdt:
            waiting.setdefault(HoldReason.TREASURY_USDT, []).append(payout.pk)
        elif len(picked) < slots:
            room.take(payout.router_type, payout.amount)
            usdt -= payout.amount
            picked.append(payout)
        elif slots < BATCH:
            waiting.setdefault(HoldReason.IN_FLIGHT, []).append(payout.pk)
    for reason, pks in waiting.items():
        PayoutManager.hold(Payout.objects.filter(pk__in=pks), reason)
    return picked


def _outlook(state: ChainState) -> Outlook:
    return Outlook(
        treasury=settings.TREASURY_ADDRESS,
        contract=chain.network().usdt_contract,
        reference=chain.reference(state),
        head_time_ms=state.head_time_ms,
        treasury_usdt=state.treasury_usdt,
        treasury_trx=state.treasury_trx,
        treasury_block=state.treasury_block,
        in_flight_cap=settings.IN_FLIGHT_CAP,
    )
