"""What must hold before anything is released or signed: one ordered list, each with its hold reason and sentence."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from payouts import alarms, chain
from payouts.models.chain import ChainState, SignerState
from payouts.models.payout import HoldReason
from routers import killswitch

HEARTBEAT_FRESH = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing may go now."""

    reason: HoldReason
    sentence: str


def closed(state: ChainState, now: datetime) -> Closed | None:
    """The first gate that is shut for every payout, or None. Raises and clears the alarms that go with gates."""
    shut = next((found for gate in _GATES if (found := gate(state, now))), None)
    kinds = {reason.value for reason in _ALARMING}
    if shut is not None and shut.reason in _ALARMING:
        alarms.raise_alarm(shut.reason.value, shut.sentence)
        kinds.discard(shut.reason.value)
    alarms.clear(kinds)
    return shut


def tell_of_funds(reasons: Collection[str | None]) -> None:
    """Raise or clear the alarms of an empty treasury, by the reasons why payouts that are due are held."""
    for reason, sentence in _FUNDS.items():
        if reason in reasons:
            alarms.raise_alarm(reason.value, sentence)
        else:
            alarms.clear([reason.value])


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


def _signer(state: ChainState, now: datetime) -> Closed | None:
    locked_reason = SignerState.objects.get(pk=1).locked_reason
    if locked_reason:
        return Closed(HoldReason.SIGNER, f"The signer is locked: {locked_reason}")
    if not signer_lives(now):
        return Closed(HoldReason.SIGNER, "The signer gives no sign of life.")
    return None


def signer_lives(now: datetime) -> bool:
    """Whether the signer was here just now, and its journal and the database told the same story."""
    heartbeat = SignerState.objects.get(pk=1).heartbeat_at
    return heartbeat is not None and now - heartbeat <= HEARTBEAT_FRESH


_GATES: tuple[Callable[[ChainState, datetime], Closed | None], ...] = (
    _kill_switch,
    _nodes,
    _clock,
    _token,
    _statement,
    _signer,
)
_ALARMING = (HoldReason.NODES, HoldReason.CLOCK, HoldReason.TOKEN_PAUSED, HoldReason.SIGNER)
_FUNDS = {
    HoldReason.TREASURY_USDT: "The treasury has too little USDT for payouts that are due: top it up.",
    HoldReason.TREASURY_TRX: "The treasury has too little TRX for the fees of payouts that are due: top it up.",
}
