"""What must hold before anything is released or signed: one ordered list, each with its hold reason and sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kyc.screening import freshness
from payouts import chain, treasury_keys
from payouts.models.chain import ChainState, SignerState
from payouts.models.payout import HoldReason
from payouts.sweeps import compromised, outstanding
from routers import killswitch

HEARTBEAT_FRESH = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing may go now."""

    reason: HoldReason
    sentence: str


def closed(state: ChainState, now: datetime) -> Closed | None:
    """The first gate that is shut for every payout, or None."""
    return next((found for gate in _GATES if (found := gate(state, now))), None)


def shut(state: ChainState, now: datetime) -> dict[str, str]:
    """Why each gate of `ALARMING` is shut, by its reason; the first sentence where two share a reason."""
    found: dict[str, str] = {}
    for gate in _GATES:
        told = gate(state, now)
        if told is not None and told.reason in ALARMING:
            found.setdefault(told.reason.value, told.sentence)
    return found


def _kill_switch(state: ChainState, now: datetime) -> Closed | None:
    return Closed(HoldReason.KILL_SWITCH, "The kill switch is pulled.") if killswitch.is_pulled() else None


def _nodes(state: ChainState, now: datetime) -> Closed | None:
    if state.read_at is None or now - state.read_at > chain.FRESH:
        return Closed(HoldReason.NODES, "The chain hasn't been read for a minute.")
    if state.operators_usable < chain.required_operators():
        return Closed(
            HoldReason.NODES,
            f"{state.operators_usable} of the {chain.required_operators()} node operators needed can be used.",
        )
    return None


def _clock(state: ChainState, now: datetime) -> Closed | None:
    if state.clock_trips >= 2:
        return Closed(HoldReason.CLOCK, "Our clock and the chain's head differ by more than 60 seconds.")
    return None


def _token(state: ChainState, now: datetime) -> Closed | None:
    return Closed(HoldReason.TOKEN_PAUSED, state.token_refusal) if state.token_refusal else None


def _statement(state: ChainState, now: datetime) -> Closed | None:
    """Sentence 9 of the design: sign only while all outgoing value is known to be ours."""
    if state.statement_at is None or now - state.statement_at > chain.FRESH:
        why = state.statement_detail or "The treasury's outgoing transfers haven't been checked for a minute."
        return Closed(HoldReason.NODES, why)
    return None


def _lists(state: ChainState, now: datetime) -> Closed | None:
    """Nobody is paid by sanctions lists that are too old."""
    why = freshness.stale_now(now)
    return Closed(HoldReason.LIST_STALE, why) if why else None


def _signer(state: ChainState, now: datetime) -> Closed | None:
    locked_reason = SignerState.objects.get(pk=1).locked_reason
    if locked_reason:
        return Closed(HoldReason.SIGNER, f"The signer is locked: {locked_reason}")
    if not signer_lives(now):
        return Closed(HoldReason.SIGNER, "The signer gives no sign of life.")
    return None


def _treasury_key(state: ChainState, now: datetime) -> Closed | None:
    why = treasury_keys.problem()
    return Closed(HoldReason.SIGNER, why) if why else None


def _known_key(state: ChainState, now: datetime) -> Closed | None:
    """The signer would refuse by its own file; who waits should read why."""
    row = compromised.known(treasury_keys.current())
    return Closed(HoldReason.SIGNER, compromised.sentence(row)) if row else None


def _sweep(state: ChainState, now: datetime) -> Closed | None:
    """What comes in goes to the key's destination: nothing is promised meanwhile."""
    if outstanding.is_open(treasury_keys.current()):
        return Closed(HoldReason.SIGNER, "The treasury is being swept: nothing is paid until that is done.")
    return None


def signer_lives(now: datetime) -> bool:
    """Whether the signer was here just now, and its journal and the database told the same story."""
    heartbeat = SignerState.objects.get(pk=1).heartbeat_at
    return heartbeat is not None and now - heartbeat <= HEARTBEAT_FRESH


_GATES: tuple[Callable[[ChainState, datetime], Closed | None], ...] = (
    _kill_switch,
    _known_key,
    # Before the nodes: by a clock that is behind, all of theirs are ahead, and none of them can be used.
    _clock,
    _nodes,
    _token,
    _statement,
    _lists,
    _signer,
    _treasury_key,
    _sweep,
)
# A pulled kill switch is somebody's own act, and stands on every page as it is.
ALARMING = (
    HoldReason.NODES,
    HoldReason.CLOCK,
    HoldReason.TOKEN_PAUSED,
    HoldReason.LIST_STALE,
    HoldReason.SIGNER,
)
