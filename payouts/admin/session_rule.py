"""What sessions are paid by themselves: the rule in force with every version, and each session it had to pay."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from lucid_payments.backoffice import acts, formats, policy
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.acts.session_rule import CHANGE, KEY, LEAVE, NAME, ROWS
from payouts.distribution import session_rules, sessions
from payouts.models import PaymentState, SessionPayment, SessionRule

TONES = {
    PaymentState.WAITING: Tone.WAITING,
    PaymentState.ASKED: Tone.GOOD,
    PaymentState.LEFT: Tone.QUIET,
}


@admin.register(SessionRule, site=site)
class SessionRuleAdmin(RecordAdmin):
    area = Area.LIMITS
    title = "Session rule"
    group = Group.LIMITS
    place = 23
    about = "Every version there was. Each is in force until the next one; none is ever changed or deleted."
    page_template = "admin/payouts/session_rule.html"
    change_list_template = "admin/payouts/session_rules.html"
    list_display = (
        "name_shown",
        "running_shown",
        "since_shown",
        "author_shown",
        "second_shown",
        "reason_shown",
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rule = session_rules.in_force()
        context = {
            "rule": rule,
            "rule_url": self.url_of(rule),
            # The heading says whether it runs.
            "lines": [(row, row.show(rule)) for row in ROWS if row.field != "is_running"],
            "waiting": SessionPayment.objects.filter(state=PaymentState.WAITING).count(),
            "shows_sessions": policy.may_read(request.user, Area.EVENTS),
            "button": acts.button(CHANGE.kind, KEY, request.user, rule),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, row: SessionRule) -> dict[str, Any]:
        before = SessionRule.objects.filter(version=row.version - 1).first()
        after = SessionRule.objects.filter(version=row.version + 1).first()
        return {
            "title": f"{NAME}, version {row.version}",
            "until": after.created_at if after is not None else None,
            "before": before,
            "lines": [(line.label, line.show(before) if before else "", line.show(row)) for line in ROWS],
            "button": acts.button(CHANGE.kind, KEY, request.user, session_rules.in_force()),
        }

    @admin.display(description="Version")
    def name_shown(self, rule: SessionRule) -> str:
        return f"Version {rule.version}"

    @admin.display(description="State")
    def running_shown(self, rule: SessionRule) -> str:
        return "Running" if rule.is_running else "Paused"

    @admin.display(description="In force from (UTC)")
    def since_shown(self, rule: SessionRule) -> SafeString | str:
        return formats.moment(rule.created_at)

    @admin.display(description="By")
    def author_shown(self, rule: SessionRule) -> str:
        return rule.author_label

    @admin.display(description="Confirmed by")
    def second_shown(self, rule: SessionRule) -> str:
        return rule.second_label

    @admin.display(description="Reason")
    def reason_shown(self, rule: SessionRule) -> str:
        return rule.reason


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in PaymentState]


@admin.register(SessionPayment, site=site)
class SessionPaymentAdmin(RecordAdmin):
    area = Area.EVENTS
    title = "Sessions paid"
    group = Group.EVIDENCE
    place = 82
    about = (
        "Sessions that Blockchain Core told of while the session rule ran. Each waits until its payout is there, and "
        "earns nothing in the month unless it is left to it."
    )
    search_for = "Session id, in full"
    search_fields = ("session_id",)
    page_template = "admin/payouts/session_payment.html"
    page_key = "session_id"
    list_filter = (StateFilter,)
    list_select_related = ("payout",)
    list_display = ("session_shown", "state_shown", "amount_shown", "told_shown", "note_shown")

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(session_id=term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("payout", "event", "rule")

    def page_context(self, request: HttpRequest, row: SessionPayment) -> dict[str, Any]:
        now = sessions.current([row.session_id]).get(row.session_id)
        corrected = row.event is not None and (now is None or now.event_pk != row.event.pk)
        worth = now.credits * row.rule.amount_per_credit if now is not None and row.rule is not None else 0
        return {
            "title": f"Session {row.session_id}",
            "tone": TONES[PaymentState(row.state)],
            "now": now,
            "corrected": corrected,
            "worth": worth,
            "button": acts.button(LEAVE.kind, row.session_id, request.user, row),
        }

    @admin.display(description="Session")
    def session_shown(self, payment: SessionPayment) -> SafeString | str:
        return formats.code(payment.session_id)

    @admin.display(description="State")
    def state_shown(self, payment: SessionPayment) -> SafeString:
        return formats.badge(payment.get_state_display(), TONES[PaymentState(payment.state)])

    @admin.display(description="Amount (USDT)")
    def amount_shown(self, payment: SessionPayment) -> str:
        return formats.usdt(payment.amount)

    @admin.display(description="Told (UTC)")
    def told_shown(self, payment: SessionPayment) -> SafeString | str:
        return formats.moment(payment.told_at)

    @admin.display(description="Why")
    def note_shown(self, payment: SessionPayment) -> str:
        return payment.note
