"""The release loop: which payouts go now, asked of the chain, and handed to the manager; the others say why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from lucid_payments import clock, seam
from lucid_payments.locks import AdvisoryLock, only_one
from payouts import chain, cooling, gates, lookout, provided, queue, screened, treasury_keys, watching
from payouts.execution import Candidate, ClockTrip, Funds, Outlook
from payouts.manager import PayoutManager
from payouts.models.attempt import Attempt, AttemptState
from payouts.models.chain import ChainState
from payouts.models.payout import HoldReason, Payout
from payouts.preflight import Preflight, Refused
from payouts.slots import running
from payouts.tron.errors import NodeError
from routers import breakers
from routers.models import BreakerState

READING_AGE = timedelta(seconds=15)
LOOK_AGAIN_PROVIDED = timedelta(minutes=1)
# A prepared attempt that nobody signed until this much is left of its life is taken back.
UNSIGNED_MARGIN_MS = 90_000


def release_due() -> int:
    """Release what may go now; answers how many payouts went. Only one process looks at a time: two would ask
    the nodes about the same payouts.
    """
    with only_one(AdvisoryLock.RELEASE_ROUND) as mine:
        return _round() if mine else 0


def _round() -> int:
    breakers.sweep()
    withdraw_unsigned()
    now = clock.now()
    running.turn(now)
    if not queue.due(now).exists():
        return 0
    state = chain.state()
    if state.read_at is None or now - state.read_at > READING_AGE or state.statement_at is None:
        watching.poll()
        state, now = chain.state(), clock.now()
    shut = gates.closed(state, now)
    if shut is not None:
        PayoutManager.hold(queue.due(now), shut.reason, detail=shut.sentence)
    released = 0 if shut is not None else _release(state, now)
    lookout.tell(state, now)
    return released


def withdraw_unsigned() -> int:
    """Take back attempts that nobody signed: of a breaker that has opened, or whose signer never came.

    The money is free at once and no retry is used. What is signed runs to its end.
    """
    opened = [router for router, row in breakers.all_breakers().items() if row.state == BreakerState.OPEN]
    shut = Attempt.objects.filter(state=AttemptState.PREPARED, payout__router_type__in=opened)
    if opened and shut.exists():
        PayoutManager.withdraw(shut, hold=HoldReason.BREAKER, detail="The router's error breaker opened.")
    head_ms = max(chain.state().head_time_ms, clock.to_ms(clock.now()))
    late = Attempt.objects.filter(state=AttemptState.PREPARED, expiration_ms__lt=head_ms + UNSIGNED_MARGIN_MS)
    if not late.exists():
        return 0
    return PayoutManager.withdraw(late, hold=HoldReason.SIGNER, detail="The signer didn't sign in time.")


def _release(state: ChainState, now: datetime) -> int:
    outlook = _outlook(state)
    picked = queue.pick(now, Funds.left(outlook).usdt)
    going = [payout.pk for payout in picked.going]
    waiting = [*picked.waiting.values(), *picked.lost.values(), *picked.cooling.values()]
    looked_at = [*going, *(pk for pks in waiting for pk in pks)]
    for router, reason in picked.shut.items():
        PayoutManager.hold(queue.due(now).filter(router_type=router).exclude(pk__in=looked_at), reason)
    for reason, pks in picked.waiting.items():
        PayoutManager.hold(Payout.objects.filter(pk__in=pks), reason)
    for lost, pks in picked.lost.items():
        PayoutManager.hold(Payout.objects.filter(pk__in=pks), lost.reason, detail=lost.sentence)
    if picked.look is not None:
        screened.note_waiting(picked.listed, picked.look)
    for end, pks in picked.cooling.items():
        late = Payout.objects.filter(pk__in=pks)
        PayoutManager.hold(late, HoldReason.COOLING_OFF, detail=cooling.sentence(end), until=end)
    allowed = _provided(picked.going, now)
    if not allowed:
        return 0
    try:
        with seam.between("preflight"):
            check = Preflight.of(state)
            asked = list(check.all(allowed))
    except NodeError as error:
        PayoutManager.hold(queue.due(now), HoldReason.NODES, detail=f"A node's answer is missing: {error}")
        return 0
    candidates: list[Candidate] = []
    for payout, found in asked:
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
        PayoutManager.hold(queue.due(now), HoldReason.CLOCK, detail=str(trip))
        return 0
    short_of_trx = Payout.objects.filter(
        pk__in=[c.payout_pk for c in candidates], hold_reason=HoldReason.TREASURY_TRX
    )
    if not released and short_of_trx.exists():
        # Every transfer burns about the same: the others needn't be asked about.
        PayoutManager.hold(queue.due(now), HoldReason.TREASURY_TRX)
    return released


def _provided(going: Sequence[Payout], now: datetime) -> list[Payout]:
    """Those that outside providers say nothing against; the others are held, each with what was said."""
    against = provided.before_release(going)
    for pk, why in against.items():
        PayoutManager.hold(
            Payout.objects.filter(pk=pk), HoldReason.SCREENING, detail=why, until=now + LOOK_AGAIN_PROVIDED
        )
    return [payout for payout in going if payout.pk not in against]


def _outlook(state: ChainState) -> Outlook:
    return Outlook(
        treasury=treasury_keys.current(),
        contract=chain.network().usdt_contract,
        reference=chain.reference(state),
        head_time_ms=state.head_time_ms,
        treasury_usdt=state.treasury_usdt,
        treasury_trx=state.treasury_trx,
        treasury_block=state.treasury_block,
    )
