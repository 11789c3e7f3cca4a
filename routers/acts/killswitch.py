"""The acts on a kill switch: one administrator pulls it at once, two release it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404

from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from routers import held, killswitch
from routers.acts import words
from routers.breakers import all_breakers
from routers.models import GLOBAL, BreakerState, KillSwitch


class SwitchAct(Act):
    """An act on one scope's switch; its key is the scope."""

    def find(self, key: str) -> KillSwitch:
        return _switch(KillSwitch.objects.filter(scope=key).first())

    def lock(self, key: str) -> KillSwitch:
        return _switch(KillSwitch.objects.select_for_update(of=("self",)).filter(scope=key).first())

    def label(self, subject: KillSwitch) -> str:
        return words.SCOPES[subject.scope]

    def facts(self, subject: KillSwitch) -> dict[str, str]:
        return {
            "Kill switch": "pulled" if subject.pulled else "not pulled",
            "Since (UTC)": f"{subject.changed_at:%Y-%m-%d %H:%M:%S}",
            "By": subject.actor_label or formats.NOTHING,
            "Reason": subject.reason or formats.NOTHING,
        }


class Pull(SwitchAct):
    kind = "killswitch.pull"
    title = "Pull the kill switch"
    verb = "Pull the kill switch"

    def version(self, subject: KillSwitch) -> str:
        """Whether it is pulled: who wants to stop must not be kept from it by what was before."""
        return acts.fingerprint({"pulled": subject.pulled})

    def allowed(self, user: Any, subject: KillSwitch) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.pulled:
            return Verdict(False, "This kill switch is pulled already.")
        return verdict

    def consequences(self, subject: KillSwitch, data: Mapping[str, Any]) -> list[str]:
        routers = _routers(subject) & held.open_routers()
        return [
            "At once, when you press the button: nothing is signed and nothing is broadcast, old attempts neither.",
            f"{held.going(routers)} could go now and will wait.",
            "Attempts that were signed and not sent die when they expire, and are made anew after the release.",
            "It never ends by itself. It takes two administrators to release it.",
        ]

    def perform(self, subject: KillSwitch, performance: Performance) -> Outcome:
        if not killswitch.pull(actor=performance.actor, reason=performance.reason, scope=subject.scope):
            raise ActRefused(words.FIRST)
        return Outcome(f"The kill switch is pulled: {self.label(subject)}.", words.page_url())


class Release(SwitchAct):
    kind = "killswitch.release"
    title = "Release the kill switch"
    verb = "Release the kill switch"

    def version(self, subject: KillSwitch) -> str:
        """One that was pulled anew since needs a new look, whatever the clock says."""
        return acts.fingerprint({"version": subject.version})

    def allowed(self, user: Any, subject: KillSwitch) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and not subject.pulled:
            return Verdict(False, "This kill switch isn't pulled.")
        return verdict

    def needs_second(self, subject: KillSwitch, data: Mapping[str, Any]) -> bool:
        return True

    def consequences(self, subject: KillSwitch, data: Mapping[str, Any]) -> list[str]:
        pulled = KillSwitch.objects.filter(pulled=True).exclude(pk=subject.pk)
        others = frozenset(pulled.values_list("scope", flat=True))
        running = killswitch.EVERY_ROUTER - (killswitch.EVERY_ROUTER if GLOBAL in others else others)
        breakers = all_breakers()
        free = {
            router for router in _routers(subject) & running if breakers[router].state == BreakerState.CLOSED
        }
        told = [
            f"{held.going(free)} will go now, {words.AS_FAR}.",
            "Signed attempts that haven't expired are sent again.",
        ]
        told += [
            f"The breaker of {words.ROUTERS[router]} stays {breakers[router].get_state_display().lower()}."
            for router in sorted(_routers(subject))
            if breakers[router].state != BreakerState.CLOSED
        ]
        names = [words.SCOPES[scope].lower() if scope == GLOBAL else words.SCOPES[scope] for scope in others]
        return told + [f"The kill switch of {name} stays pulled." for name in sorted(names)]

    def perform(self, subject: KillSwitch, performance: Performance) -> Outcome:
        done = killswitch.release(
            actor=performance.actor,
            second=performance.second,
            reason=performance.reason,
            scope=subject.scope,
        )
        if not done:
            raise ActRefused(words.FIRST)
        return Outcome(f"The kill switch is released: {self.label(subject)}.", words.page_url())


PULL = acts.register(Pull())
RELEASE = acts.register(Release())


def _switch(row: KillSwitch | None) -> KillSwitch:
    if row is None:
        raise Http404("no such kill switch")
    return row


def _routers(subject: KillSwitch) -> frozenset[str]:
    return killswitch.EVERY_ROUTER if subject.scope == GLOBAL else frozenset({subject.scope})
