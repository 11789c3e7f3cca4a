"""What the page "Limits and breakers" shows of this moment: windows, what they hold, breakers and kill switches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from lucid_payments import clock
from lucid_payments.backoffice import acts, charts
from lucid_payments.backoffice.acts import Button
from lucid_payments.backoffice.formats import Tone
from routers import breakers, ceilings, held, limits
from routers.acts import words
from routers.acts.break_glass import BREAK, REVIEW, window_words
from routers.acts.breakers import CLOSE, HALF_OPEN, OPEN
from routers.acts.killswitch import PULL, RELEASE
from routers.acts.waivers import RESETS, Running, key_of
from routers.limits import Slot, break_glass
from routers.models import (
    GLOBAL,
    Breaker,
    BreakerEvent,
    BreakerState,
    BreakGlass,
    KillSwitch,
    LimitWindow,
    WindowPeriod,
)

# Whose limits, beside those of everybody and of a router, hold what waits.
OTHERS: Final = {
    "recipient_limit": "The limit of one recipient",
    "creator_limit": "The limit of one creator",
    "subject_limit": "A node's attested limit",
}
PERIODS: Final = {WindowPeriod.HOUR.value: "Hour", WindowPeriod.DAY.value: "Day"}
_HOLDS: Final = {WindowPeriod.HOUR.value: "hourly_limit", WindowPeriod.DAY.value: "daily_limit"}
_TONES: Final = {
    BreakerState.CLOSED: Tone.GOOD,
    BreakerState.HALF_OPEN: Tone.WAITING,
    BreakerState.OPEN: Tone.BAD,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A window of now, with its drawing; amounts in base units."""

    name: str
    slot: Slot
    window: LimitWindow
    resets_in: timedelta
    # What waits for a limit of this period; of a router's bar, that router's payouts alone.
    held: held.Sum

    @property
    def cap(self) -> int:
        return self.window.cap + self.window.waived

    @property
    def free(self) -> int:
        return self.window.free

    @property
    def parts(self) -> list[charts.Part]:
        amounts = [("posted", self.window.posted), ("reserved", self.window.reserved)]
        return charts.stacked(amounts, self.cap)


@dataclass(frozen=True, slots=True)
class Switch:
    """A kill switch with the one button that its state leaves."""

    name: str
    row: KillSwitch
    button: Button


@dataclass(frozen=True, slots=True)
class BreakerLine:
    """A breaker, what tripped it, and what can be done."""

    name: str
    row: Breaker
    tone: Tone
    since: timedelta
    failures: int
    sample: list[dict[str, Any]]
    next_step: str
    held: held.Sum
    buttons: list[Button]


@dataclass(frozen=True, slots=True)
class Glass:
    """Break-glass: why nobody may use it now, or the hours it is offered for; what it lets through; what to review."""

    refusal: str
    offered: list[tuple[str, Button]]
    lasting: list[tuple[str, BreakGlass]]
    reviews: list[tuple[str, BreakGlass, Button]]


def bars(
    scopes: tuple[str, ...] = tuple(words.SCOPES), sums: dict[tuple[str, str], held.Sum] | None = None
) -> list[Bar]:
    """The windows of this hour and this day, for all payouts and for each router. `sums` as `held.totals` says."""
    now, sums = clock.now(), held.totals() if sums is None else sums
    found = {(slot.key, slot.period): (slot, window) for slot, window in limits.room(now).windows.items()}
    made = []
    for scope in scopes:
        for period, period_words in PERIODS.items():
            slot, window = found["" if scope == GLOBAL else scope, period]
            name = f"{words.SCOPES[scope]}, this {period_words.lower()}"
            waiting = _held_by(sums, _HOLDS[period], None if scope == GLOBAL else scope)
            made.append(Bar(name, slot, window, slot.ends_at - now, waiting))
    return made


def kill_switch() -> KillSwitch | None:
    """The one for everything."""
    return KillSwitch.objects.filter(scope=GLOBAL).first()


def build(user: Any) -> dict[str, Any]:
    """The whole of it, with the buttons that `user` may press."""
    sums, rows = held.totals(), breakers.all_breakers()
    shown = bars(sums=sums)
    return {
        "at": clock.now(),
        "switches": [Switch(words.SCOPES[row.scope], row, _switch_button(row, user)) for row in _in_order()],
        "breakers": [_line(rows[router], sums, user) for router in words.ROUTERS],
        "bars": shown,
        "resets": [(bar.name, _reset_button(bar, user)) for bar in shown],
        "held_by_others": [(name, _held_by(sums, reason)) for reason, name in OTHERS.items()],
        "glass": _glass(shown, user),
        "ceilings": [(words_, ceilings.ceiling(period)) for period, words_ in PERIODS.items()],
    }


def _in_order() -> list[KillSwitch]:
    rows = {row.scope: row for row in KillSwitch.objects.all()}
    return [rows[scope] for scope in words.SCOPES if scope in rows]


def _switch_button(row: KillSwitch, user: Any) -> Button:
    return acts.button((RELEASE if row.pulled else PULL).kind, row.scope, user, row)


def _reset_button(bar: Bar, user: Any) -> Button:
    return acts.button(RESETS[bar.slot.period].kind, key_of(bar.slot), user, Running(bar.slot, bar.window))


def _glass(shown: list[Bar], user: Any) -> Glass:
    now = clock.now()
    refusal = break_glass.why_not(now)
    hours = [bar for bar in shown if bar.slot.period == WindowPeriod.HOUR and not refusal]
    return Glass(
        refusal=refusal,
        offered=[
            (bar.name, acts.button(BREAK.kind, key_of(bar.slot), user, Running(bar.slot, bar.window)))
            for bar in hours
        ],
        lasting=[(window_words(row), row) for row in break_glass.lasting(now)],
        reviews=[
            (window_words(row), row, acts.button(REVIEW.kind, row.pk, user, row))
            for row in break_glass.unreviewed()
        ],
    )


def _held_by(sums: dict[tuple[str, str], held.Sum], hold: str, router: str | None = None) -> held.Sum:
    found = [one for (of, reason), one in sums.items() if reason == hold and router in (None, of)]
    return sum(found, held.Sum())


def _line(row: Breaker, sums: dict[tuple[str, str], held.Sum], user: Any) -> BreakerLine:
    event = BreakerEvent.objects.filter(scope=row.scope, to_state=BreakerState.OPEN).last()
    sample = event.sample if event is not None and row.state != BreakerState.CLOSED else []
    return BreakerLine(
        name=words.ROUTERS[row.scope],
        row=row,
        tone=_TONES[BreakerState(row.state)],
        since=clock.now() - row.changed_at,
        failures=sum(one["failed"] for one in sample),
        sample=[{**one, "at": datetime.fromisoformat(one["at"])} for one in sample],
        next_step=next_step(row),
        held=_held_by(sums, "breaker", row.scope),
        buttons=[acts.button(act.kind, row.scope, user, row) for act in (OPEN, HALF_OPEN, CLOSE)],
    )


def next_step(row: Breaker) -> str:
    """What the breaker does next by itself."""
    if row.state == BreakerState.CLOSED:
        return "Opens when too many attempts fail or stay unknown."
    if row.state == BreakerState.HALF_OPEN:
        return f"Closes when {breakers.PROBES} probes are paid; opens when one fails."
    if row.cool_down_until is None:
        return "None: two administrators close or half-open it."
    return f"Half-open at {row.cool_down_until:%Y-%m-%d %H:%M:%S} UTC."
