"""What people should know at once, looked for after every round of the watcher and of the release, idle or not.

A node that is away or a signer that is locked is told of when it happens, not when the next payout is due.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from kyc.screening import freshness
from lucid_payments import clock, outgoing
from lucid_payments.money import format_usdt
from payouts import alarms, gates, ledger, treasury_keys
from payouts.models.chain import Alarm, ChainState
from payouts.models.payout import HoldReason, Payout, PayoutStatus
from payouts.sweeps import compromised, outstanding
from routers import policy

# A healthy chain's final block is about a minute behind its head.
STANDS: Final = timedelta(minutes=5)
# What a transfer to somebody without USDT takes; with that much staked no TRX is burned for energy.
ENERGY_OF_A_TRANSFER: Final = 131_000
CHAIN_STANDS: Final = "chain_stands"
LOW_USDT: Final = "treasury_usdt_low"
LOW_TRX: Final = "treasury_trx_low"
LIST_AGEING: Final = "list_ageing"
TOR_AWAY: Final = "tor_away"
KNOWN_KEY: Final = "treasury_compromised"

_FUNDS: Final = {
    HoldReason.TREASURY_USDT: "The treasury has too little USDT for payouts that are due: top it up.",
    HoldReason.TREASURY_TRX: "The treasury has too little TRX for the fees of payouts that are due: top it up.",
}
_KINDS: Final = frozenset(
    {*gates.ALARMING, *_FUNDS, CHAIN_STANDS, LOW_USDT, LOW_TRX, LIST_AGEING, TOR_AWAY, KNOWN_KEY}
)


def tell(state: ChainState, now: datetime, *, just_back: bool = False) -> None:
    """Raise the alarms whose cause is there, clear those whose cause has ended; each is raised once.

    `just_back`: who looks was away itself, so that a silent signer may be about to start too.
    """
    causes = {**gates.shut(state, now), **_chain(state), **_lists(now), **_top_up(state), **_tor()}
    raised = set(Alarm.objects.filter(kind__in=_KINDS, cleared_at=None).values_list("kind", flat=True))
    for kind in causes.keys() - raised:
        if not (just_back and kind == HoldReason.SIGNER):
            alarms.raise_alarm(kind, causes[kind])
    over = raised - causes.keys()
    if over:
        alarms.clear(over)


def _chain(state: ChainState) -> dict[str, str]:
    behind = state.head_time_ms - state.solid_time_ms
    if not state.solid_time_ms or behind < STANDS // timedelta(milliseconds=1):
        return {}
    since = clock.from_ms(state.solid_time_ms)
    return {
        CHAIN_STANDS: f"The network's final block stands at {state.solid_number}, of {since:%Y-%m-%d %H:%M:%S} UTC:"
        " nothing can be confirmed or declared dead until it moves."
    }


def _tor() -> dict[str, str]:
    """Asked of Tor's port itself: all nodes failing may be Tor's doing, or theirs."""
    if outgoing.is_open():
        return {}
    return {
        TOR_AWAY: "Tor doesn't answer: no node is read, nothing is sent, and nothing goes out another way. Payouts wait"
        " and go on by themselves; start tor, and the forwarder where there is one."
    }


def _lists(now: datetime) -> dict[str, str]:
    """Told from the fifth day on; from the eighth on the gate is shut, which is another alarm."""
    sentence = freshness.reminder_now(now)
    return {LIST_AGEING: sentence} if sentence else {}


def _top_up(state: ChainState) -> dict[str, str]:
    """What a top-up would end; of a key that others know, that nobody should."""
    paying = treasury_keys.current()
    if (row := compromised.known(paying)) is not None:
        return {KNOWN_KEY: compromised.sentence(row)}
    if outstanding.is_open(paying):
        return {}
    return {**_funds(state), **_held()}


def _funds(state: ChainState) -> dict[str, str]:
    """A treasury that couldn't pay one payout of the largest size, told of before one is due."""
    if state.treasury_read_at is None:
        return {}
    routers = policy.current().routers.values()
    usdt = min(state.treasury_usdt, ledger.treasury_balance().available)
    largest = max((own.payout_maximum or 0 for own in routers), default=0)
    fee = max((own.fee_cap or 0 for own in routers), default=0)
    causes = {}
    if usdt < largest:
        causes[LOW_USDT] = (
            f"{format_usdt(max(0, usdt))} USDT are free: one payout may be of {format_usdt(largest)}. Top it up."
        )
    if state.treasury_trx < fee and state.energy_left < ENERGY_OF_A_TRANSFER:
        causes[LOW_TRX] = (
            f"{format_usdt(state.treasury_trx)} TRX are left: one fee may be of {format_usdt(fee)}. Top it up."
        )
    return causes


def _held() -> dict[str, str]:
    """Payouts that wait for the treasury."""
    rows = Payout.objects.filter(status=PayoutStatus.SCHEDULED, hold_reason__in=list(_FUNDS))
    reasons = rows.order_by().values_list("hold_reason", flat=True).distinct()
    return {reason: _FUNDS[HoldReason(reason)] for reason in reasons if reason is not None}
