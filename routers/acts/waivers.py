""" "Reset this hour" and "Reset this day": an amount that two administrators let through on top of one window.

The act's key names the window by scope and start, so that what was asked for one never counts in the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.http import Http404

from lucid_payments import clock
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, Outcome, Performance
from lucid_payments.backoffice.fields import AmountField
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.money import format_usdt
from routers import ceilings, errors, held, limits
from routers.acts import words
from routers.limits import Slot, waivers, windows
from routers.models import GLOBAL, LimitWindow, WindowPeriod, WindowScope

_STAMP = "%Y-%m-%dT%H"


class AmountForm(forms.Form):
    amount = AmountField(
        minimum=1,
        label="USDT on top of the cap",
        help_text="What is filled in gives the whole cap again; less lets less through.",
    )


@dataclass(frozen=True, slots=True)
class Running:
    """A window by its name, and its figures; of one that has ended, as they were."""

    slot: Slot
    window: LimitWindow

    @property
    def missing(self) -> int:
        """Base units that give the whole cap again, as far as the signer's own ceiling lets them."""
        room = ceilings.ceiling(self.slot.period) - self.window.cap - self.window.waived
        return min(limits.missing_for_reset(self.window), max(0, room))


class Reset(Act):
    """One period's act; a window of all payouts together, or of one router."""

    period: ClassVar[WindowPeriod]
    minimum_reason = waivers.SHORTEST_REASON
    form_class = AmountForm

    def find(self, key: str) -> Running:
        slot = self._slot(key)
        if slot.ends_at <= clock.now() and (ended := windows.ended(slot)) is not None:
            return Running(slot, ended)
        return Running(slot, windows.read({slot: waivers.cap_in_force(slot)})[slot])

    def lock(self, key: str) -> Running:
        slot = self._slot(key)
        if slot.ends_at <= clock.now():
            return self.find(key)  # what has ended stays as it was
        return Running(slot, waivers.locked(slot))

    def label(self, subject: Running) -> str:
        return f"{words.SCOPES[subject.slot.key or GLOBAL]}, {self._named(subject.slot)}"

    def facts(self, subject: Running) -> dict[str, str]:
        window = subject.window
        figures = {
            "Cap": window.cap,
            "Waived on top": window.waived,
            "Posted": window.posted,
            "Reserved": window.reserved,
            "Free": window.free,
            "The signer's own ceiling": ceilings.ceiling(self.period),
        }
        told = {name: f"{format_usdt(units)} USDT" for name, units in figures.items()}
        return {"Window (UTC)": self._named(subject.slot), **told}

    def version(self, subject: Running) -> str:
        """What payouts use goes on while people decide; the cap and what was waived must not have moved."""
        return acts.fingerprint({"cap": subject.window.cap, "waived": subject.window.waived})

    def allowed(self, user: Any, subject: Running) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if not verdict:
            return verdict
        try:
            waivers.require_running(subject.slot, clock.now())
        except errors.Refused as refused:
            return Verdict(False, refused.sentence)
        if limits.missing_for_reset(subject.window) == 0:
            return Verdict(False, "The whole cap is free: there is nothing to reset.")
        return acts.ALLOWED if subject.missing else Verdict(False, ceilings.ceiling_sentence(self.period))

    def instead(self, subject: Running) -> acts.Alternative | None:
        now = clock.now()
        if subject.slot.ends_at > now:
            return None
        slot = Slot(self.period, limits.starts_of(now)[self.period], subject.slot.scope, subject.slot.key)
        return acts.Alternative(f"{self.title}: {self._named(slot)}", acts.url(self.kind, key_of(slot)))

    def initial(self, subject: Running) -> dict[str, Any]:
        return {"amount": format_usdt(subject.missing)}

    def check(self, subject: Running, data: Mapping[str, Any]) -> None:
        waivers.require_possible(subject.slot, int(data["amount"]))

    def needs_second(self, subject: Running, data: Mapping[str, Any]) -> bool:
        return True

    def consequences(self, subject: Running, data: Mapping[str, Any]) -> list[str]:
        amount = int(data.get("amount", subject.missing))
        if subject.slot.ends_at <= clock.now():
            return []
        running = held.open_routers()
        freed = held.freed(held.going(running), held.going(running, {subject.slot: amount}))
        return [
            f"{freed} will go now, {words.AS_FAR}.",
            f"{format_usdt(amount)} USDT may go on top of the cap in this {self.period} alone, until "
            f"{subject.slot.ends_at:%Y-%m-%d %H:%M} UTC. What was paid stays counted.",
            *words.still_stopped(frozenset(words.ROUTERS)),
        ]

    def perform(self, subject: Running, performance: Performance) -> Outcome:
        waiver = limits.waive(
            subject.slot,
            int(performance.data["amount"]),
            actor=performance.actor,
            second=performance.second,
            reason=performance.reason,
        )
        return Outcome(
            f"{format_usdt(waiver.amount)} USDT may go on top: {self.label(subject)}.", words.page_url()
        )

    def _slot(self, key: str) -> Slot:
        scope, _, stamp = key.partition("@")
        try:
            start = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        except ValueError:
            raise Http404("no such window") from None
        known = scope in words.SCOPES and start == limits.starts_of(start)[self.period]
        if not known or start > clock.now():
            raise Http404("no such window")
        if scope == GLOBAL:
            return Slot(self.period, start, WindowScope.GLOBAL, "")
        return Slot(self.period, start, WindowScope.ROUTER, scope)

    def _named(self, slot: Slot) -> str:
        return f"{self.period} from {slot.starts_at:%Y-%m-%d %H:%M}"


class ResetHour(Reset):
    kind = "limit.reset_hour"
    title = "Reset this hour"
    verb = "Reset this hour"
    period = WindowPeriod.HOUR


class ResetDay(Reset):
    kind = "limit.reset_day"
    title = "Reset this day"
    verb = "Reset this day"
    period = WindowPeriod.DAY


RESETS: dict[str, Reset] = {}
for _act in (ResetHour(), ResetDay()):
    acts.register(_act)
    RESETS[_act.period] = _act


def key_of(slot: Slot) -> str:
    """The act's key of a window."""
    return f"{slot.key or GLOBAL}@{slot.starts_at:{_STAMP}}"
