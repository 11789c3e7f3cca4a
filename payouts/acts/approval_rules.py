"""The act that changes how many people must agree: two administrators, whichever way it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.http import Http404
from django.urls import reverse

from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, Changed, Outcome, Performance
from lucid_payments.backoffice.fields import AmountField
from lucid_payments.money import format_usdt
from payouts.approvals import rules
from payouts.approvals.errors import Refused
from payouts.models.approval import ApprovalRule

NOBODY: Final = "never"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a rule, as people read it and fill it in."""

    field: str
    label: str
    meaning: str

    def show(self, rule: ApprovalRule) -> str:
        value = getattr(rule, self.field)
        return NOBODY if value is None else format_usdt(value)


_EMPTY: Final = " Empty: this figure never asks for anybody."
ROWS: Final = (
    Row("payout_above", "One approval: payout above", "A single payout of more than this." + _EMPTY),
    Row("batch_above", "One approval: batch above", "A batch whose payouts together are more." + _EMPTY),
    Row(
        "day_above",
        "One approval: creator's 24 hours above",
        "Once all that its creator asked for in the last 24 hours, this included, is more." + _EMPTY,
    ),
    Row("two_above", "Two approvals: any of them above", "When any of the three figures is more." + _EMPTY),
)


class RuleForm(forms.Form):
    """The four thresholds of one role; cleaned values are base units, None for none."""

    def __init__(self, answers: Any, subject: ApprovalRule) -> None:
        super().__init__(answers)
        self.subject = subject
        for row in ROWS:
            value = getattr(subject, row.field)
            self.fields[row.field] = AmountField(
                required=False,
                initial="" if value is None else format_usdt(value),
                label=f"{row.label} (USDT)",
                help_text=row.meaning,
            )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors:
            try:
                rules.proposed(self.subject, given)
            except Refused as refused:
                self.add_error(None, str(refused))
        return given


class ChangeRule(Act):
    """Its key is the creators' role; its subject the version in force."""

    kind = "approval_rule.change"
    title = "Change who must approve"
    verb = "Change the rule"
    reviewed = True

    def find(self, key: str) -> ApprovalRule:
        return _of(rules.in_force(), key)

    def lock(self, key: str) -> ApprovalRule:
        return _of(rules.locked(), key)

    def label(self, subject: ApprovalRule) -> str:
        return name_of(subject)

    def facts(self, subject: ApprovalRule) -> dict[str, str]:
        return {"Version": str(subject.version)} | {row.label: row.show(subject) for row in ROWS}

    def version(self, subject: ApprovalRule) -> str:
        return acts.fingerprint({"role": subject.creator_role, "version": subject.version})

    def questions(self, subject: ApprovalRule, answers: Any = None) -> RuleForm:
        return RuleForm(answers, subject)

    def needs_second(self, subject: ApprovalRule, data: Mapping[str, Any]) -> bool:
        return True

    def check(self, subject: ApprovalRule, data: Mapping[str, Any]) -> None:
        rules.proposed(subject, data)

    def changes(self, subject: ApprovalRule, data: Mapping[str, Any]) -> list[Changed]:
        if not data:
            return []
        after = ApprovalRule(**{row.field: data.get(row.field) for row in ROWS})
        return [
            Changed(row.label, row.show(subject), row.show(after), means(subject, after, row.field))
            for row in ROWS
            if getattr(subject, row.field) != getattr(after, row.field)
        ]

    def consequences(self, subject: ApprovalRule, data: Mapping[str, Any]) -> list[str]:
        return [
            f"Version {subject.version + 1} is in force when a second administrator confirms.",
            "What waits for approval already needs as many as before.",
        ]

    def perform(self, subject: ApprovalRule, performance: Performance) -> Outcome:
        after = rules.change(
            subject.creator_role,
            performance.data,
            base_version=subject.version,
            actor=performance.actor,
            second=performance.second,
            reason=performance.reason,
        )
        return Outcome(f"{name_of(after)}: version {after.version} is in force.", url_of(after))


CHANGE = acts.register(ChangeRule())


def name_of(rule: ApprovalRule) -> str:
    return f"Created by: {Role(rule.creator_role).label.lower()}"


def means(before: ApprovalRule, after: ApprovalRule, field: str) -> str:
    """`asks for fewer` lets something go that waited for people before."""
    old, new = getattr(before, field), getattr(after, field)
    if old == new:
        return "same"
    return "asks for fewer" if old is not None and (new is None or new > old) else "asks for more"


def url_of(rule: ApprovalRule) -> str:
    return reverse("admin:payouts_approvalrule_change", args=[rule.pk])


def _of(found: dict[str, ApprovalRule], role: str) -> ApprovalRule:
    if role not in found:
        raise Http404("no such rule")
    return found[role]
