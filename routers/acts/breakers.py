"""The acts on a router's error breaker: one administrator opens it, two close or half-open it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import Http404

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.money import format_usdt
from routers import breakers, held
from routers.acts import words
from routers.models import Breaker, BreakerState


class BreakerAct(Act):
    """An act on one router's breaker; its key is the router."""

    def find(self, key: str) -> Breaker:
        return _breaker(Breaker.objects.filter(scope=key).first())

    def lock(self, key: str) -> Breaker:
        return _breaker(Breaker.objects.select_for_update().filter(scope=key).first())

    def label(self, subject: Breaker) -> str:
        return words.ROUTERS[subject.scope]

    def facts(self, subject: Breaker) -> dict[str, str]:
        until = subject.cool_down_until
        return {
            "Breaker": subject.get_state_display().lower(),
            "Since (UTC)": f"{subject.changed_at:%Y-%m-%d %H:%M:%S}",
            "Why": subject.detail or formats.NOTHING,
            "Half-open by itself (UTC)": f"{until:%Y-%m-%d %H:%M:%S}" if until else "not by itself",
        }

    def version(self, subject: Breaker) -> str:
        """Counted, not timed: it may be opened anew by the same second of a clock that stands or was put back."""
        return acts.fingerprint({"version": subject.version})

    def allowed(self, user: Any, subject: Breaker) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        return self.fits(subject) if verdict else verdict

    def fits(self, subject: Breaker) -> Verdict:
        """Whether the breaker's own state allows it."""
        raise NotImplementedError


class Open(BreakerAct):
    kind = "breaker.open"
    title = "Open the breaker"
    verb = "Open the breaker"

    def fits(self, subject: Breaker) -> Verdict:
        if subject.state == BreakerState.OPEN and subject.cool_down_until is None:
            return Verdict(False, "It is open until people close it.")
        return acts.ALLOWED

    def consequences(self, subject: Breaker, data: Mapping[str, Any]) -> list[str]:
        waits = held.going({subject.scope} & held.open_routers())
        return [
            f"{waits} could go now and will wait. New orders of this router are refused (LUCID_ERR_2003).",
            "Attempts that are signed run to their end.",
            "It doesn't close by itself. It takes two administrators to close or half-open it.",
        ]

    def perform(self, subject: Breaker, performance: Performance) -> Outcome:
        if not breakers.open_by_hand(subject.scope, actor=performance.actor, reason=performance.reason):
            raise ActRefused(words.FIRST)
        return Outcome(f"The breaker of {self.label(subject)} is open.", words.page_url())


class LooseningAct(BreakerAct):
    """What takes two."""

    done: ClassVar[str]

    def needs_second(self, subject: Breaker, data: Mapping[str, Any]) -> bool:
        return True

    def perform(self, subject: Breaker, performance: Performance) -> Outcome:
        if not self.move(subject.scope, performance, performance.second):
            raise ActRefused(words.FIRST)
        return Outcome(f"The breaker of {self.label(subject)} is {self.done}.", words.page_url())

    def move(self, router: str, performance: Performance, second: User) -> bool:
        """False when somebody was first."""
        raise NotImplementedError


class Close(LooseningAct):
    kind = "breaker.close"
    title = "Close the breaker"
    verb = "Close the breaker"
    done = "closed"

    def move(self, router: str, performance: Performance, second: User) -> bool:
        return breakers.close_by_hand(
            router, actor=performance.actor, second=second, reason=performance.reason
        )

    def fits(self, subject: Breaker) -> Verdict:
        return Verdict(False, "It is closed.") if subject.state == BreakerState.CLOSED else acts.ALLOWED

    def consequences(self, subject: Breaker, data: Mapping[str, Any]) -> list[str]:
        router = frozenset({subject.scope})
        stopped = words.still_stopped(router)
        before = held.open_routers()
        freed = held.Sum() if stopped else held.freed(held.going(before), held.going(before | router))
        return [
            f"{freed} will go now, {words.AS_FAR}.",
            "A new sample begins: the failures so far don't count any more.",
            *stopped,
        ]


class HalfOpen(LooseningAct):
    kind = "breaker.half_open"
    title = "Half-open the breaker"
    verb = "Half-open the breaker"
    done = "half open"

    def move(self, router: str, performance: Performance, second: User) -> bool:
        return breakers.half_open_by_hand(
            router, actor=performance.actor, second=second, reason=performance.reason
        )

    def fits(self, subject: Breaker) -> Verdict:
        if subject.state == BreakerState.OPEN:
            return acts.ALLOWED
        return Verdict(False, f"It is {subject.get_state_display().lower()}.")

    def consequences(self, subject: Breaker, data: Mapping[str, Any]) -> list[str]:
        most = format_usdt(breakers.PROBE_AMOUNT)
        return [
            f"{breakers.PROBES} probes of at most {most} USDT go, one at a time; without one so small, the "
            "smallest payout that is due.",
            "When all are paid, the breaker closes by itself; when one fails, it opens again.",
            *words.still_stopped(frozenset({subject.scope})),
        ]


OPEN = acts.register(Open())
CLOSE = acts.register(Close())
HALF_OPEN = acts.register(HalfOpen())


def _breaker(row: Breaker | None) -> Breaker:
    if row is None:
        raise Http404("no such breaker")
    return row
