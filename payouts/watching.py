"""The watcher's round: read the heads, the treasury, the new blocks; settle what they decide.

Node calls grow with blocks, not with payouts, and an idle system makes few.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from lucid_payments import clock, commits
from lucid_payments.locks import AdvisoryLock, only_one
from payouts import cases, chain, examination, lookout, metrics, recovery, scanning, treasury
from payouts.models.attempt import UNRESOLVED, Attempt
from payouts.models.chain import ChainState, SignerState
from payouts.models.payout import Payout, PayoutStatus
from payouts.sweeps import advancing, outstanding
from payouts.tron.errors import NoUsableNode
from payouts.tron.health import Heads

IDLE_EVERY = timedelta(seconds=30)


def watch() -> bool:
    """One round of watching, unless the system is idle and looked lately; False when it didn't look."""
    state = chain.state()
    if _idle() and state.read_at is not None and timedelta(0) <= clock.now() - state.read_at < IDLE_EVERY:
        return False
    return poll()


def poll() -> bool:
    """One round of watching now. False when another process is at it, or no node can be used."""
    with only_one(AdvisoryLock.WATCH) as mine:
        if not mine:
            return False
        before = chain.state().read_at
        now = clock.from_ms(chain.start_round())
        usable = _round(now)
        away = before is None or not timedelta(0) <= now - before <= chain.FRESH
        lookout.tell(chain.state(), clock.now(), just_back=away)
        return usable


def _round(now: datetime) -> bool:
    pool = chain.pool()
    pool.load_quarantines(chain.state().quarantine)
    heads = pool.heads()
    metrics.note_heads(heads)
    examination.release_served()
    state = _write_heads(heads, now)
    if state.operators_usable == 0:
        return False
    scanning.scan(state)
    treasury.read(state)
    advancing.advance(chain.state())
    recovery.resolve(chain.state())
    cases.sweep(chain.state())
    return True


def _idle() -> bool:
    """Nothing on its way and nothing due: the chain may go on without us."""
    on_its_way = Attempt.objects.filter(Q(state__in=UNRESOLVED) | Q(state="prepared")).exists()
    due = Payout.objects.filter(status=PayoutStatus.SCHEDULED, due_at__lte=clock.now()).exists()
    locked = SignerState.objects.exclude(locked_reason="").exists()
    return not (on_its_way or due or locked or outstanding.is_open())


@commits.atomic("reading")
def _write_heads(heads: Heads, now: datetime) -> ChainState:
    """Share this reading. What two providers' lower head says counts; the solid head never goes back."""
    state = ChainState.objects.select_for_update().get(pk=1)
    backwards = state.read_at is not None and now < state.read_at
    state.operators_usable = len(heads.operators)
    try:
        head, solid = heads.head, heads.solid
    except NoUsableNode:
        state.operators_usable = 0
        if heads.ahead_of_clock:
            state.clock_trips = _one_more(state.clock_trips)
        state.save()
        return state
    off = abs(head.timestamp_ms - clock.to_ms(now)) > chain.MAXIMUM_CLOCK_DIFFERENCE_MS
    state.clock_trips = _one_more(state.clock_trips) if off or backwards else 0
    state.head_number, state.head_time_ms = head.number, head.timestamp_ms
    if solid.number >= state.solid_number:
        state.solid_number, state.solid_id = solid.number, solid.block_id
        state.solid_time_ms = solid.timestamp_ms
    state.read_at = now
    state.save()
    return state


def _one_more(trips: int) -> int:
    """Bounded: the column is a small one, and two say everything."""
    return min(trips + 1, 100)
