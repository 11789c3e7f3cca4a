"""Break-glass and its review, as the back office offers them: one acts alone, another one judges afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.http import Http404

from lucid_payments import clock
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.money import format_usdt
from routers.acts import words
from routers.acts.waivers import ResetHour, Running
from routers.limits import break_glass, waivers
from routers.models import GLOBAL, BreakGlass
from routers.models.break_glass import Verdict as Judgement


class Break(ResetHour):
    """What "Reset this hour" does, by one person alone, where that is switched on."""

    kind = "limit.break_glass"
    title = "Break-glass"
    verb = "Break the glass"

    def allowed(self, user: Any, subject: Running) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and (refusal := break_glass.why_not(clock.now())):
            return Verdict(False, refusal)
        return super().allowed(user, subject)

    def needs_second(self, subject: Running, data: Mapping[str, Any]) -> bool:
        return False

    def consequences(self, subject: Running, data: Mapping[str, Any]) -> list[str]:
        told = super().consequences(subject, data)
        return told and [
            *told,
            "You act alone. Every administrator is told, every page shows it while it lasts, and another administrator "
            "must say by the end of tomorrow whether it was justified.",
            "Nobody can do this again within 24 hours.",
        ]

    def perform(self, subject: Running, performance: Performance) -> Outcome:
        row = break_glass.break_glass(
            subject.slot,
            int(performance.data["amount"]),
            actor=performance.actor,
            reason=performance.reason,
        )
        return Outcome(
            f"{format_usdt(row.amount)} USDT may go on top: {self.label(subject)}. It must be reviewed by another "
            f"administrator by {row.review_due:%Y-%m-%d %H:%M} UTC.",
            words.page_url(),
        )


class JudgementForm(forms.Form):
    verdict = forms.ChoiceField(label="Verdict", choices=[("", "Choose one"), *Judgement.choices])


class Review(Act):
    """The second person's verdict on one use; its key is the row's."""

    kind = "limit.break_glass_review"
    title = "Review break-glass"
    verb = "Record the verdict"
    minimum_reason: ClassVar[int] = waivers.SHORTEST_REASON
    form_class = JudgementForm

    def find(self, key: str) -> BreakGlass:
        return _row(BreakGlass.objects.select_related("window"), key)

    def lock(self, key: str) -> BreakGlass:
        return _row(BreakGlass.objects.select_related("window").select_for_update(of=("self",)), key)

    def label(self, subject: BreakGlass) -> str:
        return f"{window_words(subject)}, by {subject.actor_label}"

    def facts(self, subject: BreakGlass) -> dict[str, str]:
        window = subject.window
        told = {
            "Window (UTC)": window_words(subject),
            "Let through by": subject.actor_label,
            "At (UTC)": f"{subject.created_at:%Y-%m-%d %H:%M:%S}",
            "On top of the cap": f"{format_usdt(subject.amount)} USDT",
            "Reason": subject.reason,
            "Cap": f"{format_usdt(window.cap)} USDT",
            "Posted": f"{format_usdt(window.posted)} USDT",
            "Reserved": f"{format_usdt(window.reserved)} USDT",
            "Review due (UTC)": f"{subject.review_due:%Y-%m-%d %H:%M}",
        }
        if subject.reviewed_at is not None:
            told["Verdict"] = f"{subject.get_verdict_display()}, by {subject.reviewer_label}: {subject.note}"
        return told

    def version(self, subject: BreakGlass) -> str:
        """Payouts of that hour are still settled while it is judged; the verdict alone must not be there yet."""
        return acts.fingerprint({"verdict": subject.verdict})

    def allowed(self, user: Any, subject: BreakGlass) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and (refusal := break_glass.why_no_review(subject, user, clock.now())):
            return Verdict(False, refusal[1])
        return verdict

    def consequences(self, subject: BreakGlass, data: Mapping[str, Any]) -> list[str]:
        return ["Your verdict and your reason stand in the audit log. Nothing that was paid changes."]

    def perform(self, subject: BreakGlass, performance: Performance) -> Outcome:
        row = break_glass.review(
            subject,
            verdict=str(performance.data["verdict"]),
            note=performance.reason,
            actor=performance.actor,
        )
        return Outcome(f"Reviewed: {row.get_verdict_display().lower()}.", words.page_url())


BREAK = acts.register(Break())
REVIEW = acts.register(Review())


def window_words(row: BreakGlass) -> str:
    """Whose hour, and which."""
    return f"{words.SCOPES[row.window.key or GLOBAL]}, hour from {row.window.starts_at:%Y-%m-%d %H:%M}"


def _row(rows: Any, key: str) -> BreakGlass:
    row = rows.filter(pk=int(key)).first() if key.isascii() and key.isdecimal() and len(key) < 18 else None
    if row is None:
        raise Http404("no such use of break-glass")
    found: BreakGlass = row
    return found
