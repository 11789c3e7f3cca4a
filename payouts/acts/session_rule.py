"""The acts on the session rule and on what waits for it: changing it takes two, pausing it one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.http import Http404
from django.urls import reverse

from lucid_payments.audit import log
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, ActRefused, Changed, Outcome, Performance
from lucid_payments.backoffice.fields import AmountField
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.clock import LucidNow
from lucid_payments.money import format_usdt
from payouts.distribution import session_rules
from payouts.distribution.session_rules import RuleRefused
from payouts.models.payout import BatchType
from payouts.models.session_rule import PaymentState, SessionPayment, SessionRule
from routers.choices import RouterType

# There is one rule: the key of its act.
KEY: Final = "sessions"
NAME: Final = "Session rule"
# The box that says yes to the first line.
RUNS: Final = "It runs"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a rule, as people read it and fill it in."""

    field: str
    label: str
    meaning: str

    def show(self, rule: SessionRule) -> str:
        match self.field:
            case "is_running":
                return "Running" if rule.is_running else "Paused"
            case "amount_per_credit":
                return (
                    f"{format_usdt(rule.amount_per_credit)} USDT"
                    if rule.amount_per_credit
                    else "no price yet"
                )
            case "minimum":
                return format_usdt(rule.minimum)
            case "router_type":
                return rule.router_type or "the routers' rule"
            case "batch_type":
                return BatchType(rule.batch_type).label
        return rule.account.get_username() if rule.account is not None else "none yet"


ROWS: Final = (
    Row("is_running", "State", "Sessions told while it runs are paid by it, each by a payout of its own."),
    Row("amount_per_credit", "Amount per credit (USDT)", "A credit is a session relayed, or 5 MB begun."),
    Row("minimum", "Least that is paid (USDT)", "A session worth less is left to the month."),
    Row("router_type", "Router", "What it doesn't allow waits."),
    Row("batch_type", "Batch", "When the payouts go."),
    Row("account", "In the name of", "A service: its limits and its approvals count. Best one of its own."),
)


class RuleForm(forms.Form):
    """The rule's fields; amounts are base units, the account is a primary key."""

    def __init__(self, answers: Any, subject: SessionRule) -> None:
        super().__init__(answers, initial=_initial(subject))
        self.subject = subject
        fields: dict[str, forms.Field] = {
            "is_running": forms.BooleanField(required=False),
            "amount_per_credit": AmountField(),
            "minimum": AmountField(minimum=1),
            "router_type": forms.TypedChoiceField(
                choices=[("", "The routers' rule"), *RouterType.choices], required=False, empty_value=None
            ),
            "batch_type": forms.ChoiceField(choices=BatchType.choices),
            "account": forms.TypedChoiceField(
                choices=[("", "None"), *((one.pk, one.get_username()) for one in session_rules.services())],
                coerce=int,
                required=False,
                empty_value=None,
            ),
        }
        for row in ROWS:
            self.fields[row.field] = fields[row.field]
            self.fields[row.field].label = RUNS if row.field == "is_running" else row.label
            self.fields[row.field].help_text = row.meaning

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors:
            try:
                session_rules.proposed(self.subject, given)
            except RuleRefused as refused:
                self.add_error(None, str(refused))
        return given


class ChangeSessionRule(Act):
    """Its subject is the version in force."""

    kind = "session_rule.change"
    title = "Change the session rule"
    verb = "Change the rule"
    reviewed = True

    def find(self, key: str) -> SessionRule:
        return _rule(key, session_rules.in_force)

    def lock(self, key: str) -> SessionRule:
        return _rule(key, session_rules.locked)

    def label(self, subject: SessionRule) -> str:
        return f"version {subject.version}"

    def facts(self, subject: SessionRule) -> dict[str, str]:
        return {"Version": str(subject.version)} | {row.label: row.show(subject) for row in ROWS}

    def version(self, subject: SessionRule) -> str:
        return acts.fingerprint({"rule": KEY, "version": subject.version})

    def questions(self, subject: SessionRule, answers: Any = None) -> RuleForm:
        return RuleForm(answers, subject)

    def needs_second(self, subject: SessionRule, data: Mapping[str, Any]) -> bool:
        return not data or session_rules.needs_two(subject, session_rules.proposed(subject, data))

    def check(self, subject: SessionRule, data: Mapping[str, Any]) -> None:
        session_rules.proposed(subject, data)

    def changes(self, subject: SessionRule, data: Mapping[str, Any]) -> list[Changed]:
        if not data:
            return []
        after = session_rules.proposed(subject, data)
        differ = session_rules.changed(subject, after)
        return [Changed(row.label, row.show(subject), row.show(after)) for row in ROWS if row.field in differ]

    def consequences(self, subject: SessionRule, data: Mapping[str, Any]) -> list[str]:
        if data and not self.needs_second(subject, data):
            return [
                "It pays nothing more from now on: what is told is left to the month, what waits goes on waiting."
            ]
        return [
            f"Version {subject.version + 1} is in force when a second administrator confirms.",
            "Sessions told while it runs are paid by themselves and earn nothing in the month; earlier ones stay the "
            "month's.",
        ]

    def perform(self, subject: SessionRule, performance: Performance) -> Outcome:
        after = session_rules.change(
            performance.data,
            base_version=subject.version,
            actor=performance.actor,
            second=performance.confirmer,
            reason=performance.reason,
        )
        return Outcome(f"{NAME}: version {after.version} is in force.", url_of(after))


class LeaveToTheMonth(Act):
    """A session that waits for its payout is left to the month: one person, for nothing is paid by it."""

    kind = "session_payment.leave"
    title = "Leave a session to the month"
    verb = "Leave it to the month"

    def find(self, key: str) -> SessionPayment:
        return _payment(key, SessionPayment.objects.all())

    def lock(self, key: str) -> SessionPayment:
        return _payment(key, SessionPayment.objects.select_for_update(of=("self",)))

    def facts(self, subject: SessionPayment) -> dict[str, str]:
        return {"Session": subject.session_id, "State": subject.get_state_display()}

    def allowed(self, user: Any, subject: SessionPayment) -> Verdict:
        verdict = super().allowed(user, subject)
        if verdict and subject.state != PaymentState.WAITING:
            return Verdict(False, "It doesn't wait any more.")
        return verdict

    def consequences(self, subject: SessionPayment, data: Mapping[str, Any]) -> list[str]:
        return ["The rule never pays this session; it earns its credits in the month."]

    def perform(self, subject: SessionPayment, performance: Performance) -> Outcome:
        changed = SessionPayment.objects.filter(pk=subject.pk, state=PaymentState.WAITING).update(
            state=PaymentState.LEFT, ended_at=LucidNow(), note=f"Left by {performance.actor.get_username()}."
        )
        if changed != 1:
            raise ActRefused("It doesn't wait any more: somebody was first.")
        log.record(
            "session_payment.left",
            actor=performance.actor,
            subject=subject,
            details={"session": subject.session_id, **performance.evidence},
        )
        return Outcome(
            f"Session {subject.session_id} is left to the month.",
            reverse("admin:payouts_sessionpayment_change", args=[subject.session_id]),
        )


CHANGE = acts.register(ChangeSessionRule())
LEAVE = acts.register(LeaveToTheMonth())


def url_of(rule: SessionRule) -> str:
    return reverse("admin:payouts_sessionrule_change", args=[rule.pk])


def _initial(rule: SessionRule) -> dict[str, Any]:
    return {
        "is_running": rule.is_running,
        "amount_per_credit": format_usdt(rule.amount_per_credit),
        "minimum": format_usdt(rule.minimum),
        "router_type": rule.router_type or "",
        "batch_type": rule.batch_type,
        "account": rule.account_id or "",
    }


def _rule(key: str, found: Any) -> SessionRule:
    if key != KEY:
        raise Http404("no such rule")
    rule: SessionRule = found()
    return rule


def _payment(key: str, rows: Any) -> SessionPayment:
    payment: SessionPayment | None = rows.filter(session_id=key).first() if "\0" not in key else None
    if payment is None:
        raise Http404("no such session")
    return payment
