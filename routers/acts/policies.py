"""The act that puts a new version of a policy in force: at once when it only tightens, by two when it loosens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import Http404
from django.urls import reverse

from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, Changed, Outcome, Performance
from lucid_payments.backoffice.fields import AmountField
from lucid_payments.money import format_usdt
from routers import held, policy
from routers.acts import words
from routers.choices import BATCH_TYPES
from routers.errors import PolicyRefused, Refused
from routers.held import Sum
from routers.models import GLOBAL, RouterPolicy
from routers.policy import Proposal
from routers.policy.words import CREATORS, Row, Unit, rows_of, side_by_side


class PolicyForm(forms.Form):
    """Every field of one scope's policy; its cleaned values are columns, in base units and sun."""

    def __init__(self, answers: Any, subject: RouterPolicy) -> None:
        super().__init__(answers)
        self.subject = subject
        for row in rows_of(subject.scope):
            self.fields[row.key] = _field(row, subject)

    def clean(self) -> dict[str, Any]:
        """Also asked of the rules, so that what they refuse stands at its field."""
        given = super().clean() or {}
        if self.errors:
            return given
        values = self._columns(given)
        try:
            policy.propose(self.subject.scope, values)
        except PolicyRefused as refused:
            for name, sentence in refused.fields.items():
                self.add_error(name if name in self.fields else None, sentence)
        except Refused as refused:
            self.add_error(None, refused.sentence)
        return values

    def _columns(self, given: Mapping[str, Any]) -> dict[str, Any]:
        others = set(self.subject.creator_limits) - set(CREATORS)
        kept = {role: self.subject.creator_limits[role] for role in others}
        values: dict[str, Any] = {"creator_limits": kept} if self.subject.scope == GLOBAL else {}
        for row in rows_of(self.subject.scope):
            if not row.role:
                values[row.field] = given[row.key]
            elif given[row.key] is not None:
                values[row.field][row.role] = given[row.key]
        return values


class ChangePolicy(Act):
    """Its key is the scope; its subject the version in force."""

    kind = "policy.change"
    title = "Change a policy"
    verb = "Change the policy"
    reviewed = True

    def find(self, key: str) -> RouterPolicy:
        return _of(policy.current(), key)

    def lock(self, key: str) -> RouterPolicy:
        return _of(policy.locked(), key)

    def label(self, subject: RouterPolicy) -> str:
        return words.SCOPES[subject.scope]

    def facts(self, subject: RouterPolicy) -> dict[str, str]:
        told = {
            "Version": str(subject.version),
            "In force since (UTC)": f"{subject.created_at:%Y-%m-%d %H:%M:%S}",
        }
        return told | {row.label: f"{row.show(subject)} {row.unit}".strip() for row in rows_of(subject.scope)}

    def version(self, subject: RouterPolicy) -> str:
        return acts.fingerprint({"scope": subject.scope, "version": subject.version})

    def questions(self, subject: RouterPolicy, answers: Any = None) -> PolicyForm:
        return PolicyForm(answers, subject)

    def changes(self, subject: RouterPolicy, data: Mapping[str, Any]) -> list[Changed]:
        proposal = _proposal(subject, data)
        if proposal is None:
            return []
        return [
            Changed(
                f"{line.row.label}{f' ({line.row.unit})' if line.row.unit else ''}",
                line.before,
                line.after,
                line.note,
            )
            for line in side_by_side(proposal.before, proposal.after)
            if line.differs
        ]

    def needs_second(self, subject: RouterPolicy, data: Mapping[str, Any]) -> bool:
        """What the rules refuse by now is refused when it is asked for."""
        proposal = _proposal(subject, data)
        return proposal is not None and proposal.loosens

    def check(self, subject: RouterPolicy, data: Mapping[str, Any]) -> None:
        policy.propose(subject.scope, data)

    def consequences(self, subject: RouterPolicy, data: Mapping[str, Any]) -> list[str]:
        if not data:
            return []
        try:
            proposal = policy.propose(subject.scope, data)
        except Refused as refused:
            return [f"As things are now it would be refused. {refused.sentence}"]
        return [*_people(proposal), *_figures(proposal), *_orders(proposal)]

    def perform(self, subject: RouterPolicy, performance: Performance) -> Outcome:
        after = policy.change(
            subject.scope,
            performance.data,
            base_version=subject.version,
            actor=performance.actor,
            second=performance.confirmer,
            reason=performance.reason,
        )
        return Outcome(f"{self.label(after)}: version {after.version} is in force.", url_of(after))


CHANGE = acts.register(ChangePolicy())


def url_of(version: RouterPolicy) -> str:
    return reverse("admin:routers_routerpolicy_change", args=[version.pk])


def _of(policies: policy.Policies, scope: str) -> RouterPolicy:
    found = policies.of(scope)
    if found is None:
        raise Http404("no such policy")
    return found


def _proposal(subject: RouterPolicy, data: Mapping[str, Any]) -> Proposal | None:
    """None before it is filled in, and when the rules refuse it."""
    if not data:
        return None
    try:
        return policy.propose(subject.scope, data)
    except Refused:
        return None


def _people(proposal: Proposal) -> list[str]:
    number = proposal.after.version
    if not proposal.loosens:
        return [f"It only tightens: version {number} is in force at once, when you press the button."]
    looser = [
        f'"{line.row.label}"'
        for line in side_by_side(proposal.before, proposal.after)
        if line.differs and line.loosens
    ]
    return [
        f"It loosens {', '.join(looser)}: version {number} is in force when a second administrator confirms."
    ]


def _figures(proposal: Proposal) -> list[str]:
    """What it means for payouts that wait now."""
    before = policy.current()
    after, running = before.having(proposal.after), held.open_routers()
    now, then = held.going(running, policies=before), held.going(running, policies=after)
    freed, kept = held.freed(now, then), held.freed(then, now)
    told = []
    if freed.count:
        told.append(f"{freed} will go now, {words.AS_FAR}.")
    if kept.count:
        told.append(f"{kept} could go now and will wait.")
    if not told:
        told.append("No held payout goes or waits because of it now.")
    stuck = held.freed(held.never(before), held.never(after))
    if stuck.count:
        told.append(_stuck(stuck))
    return told


def _stuck(stuck: Sum) -> str:
    many = stuck.count != 1
    return (
        f"{stuck.count} accepted payout{'s' if many else ''}, {format_usdt(stuck.amount)} USDT, "
        f"{'are' if many else 'is'} above the new limits and could never fit: "
        f"{'they wait' if many else 'it waits'} until the limits are raised again or somebody cancels."
    )


def _orders(proposal: Proposal) -> list[str]:
    """What it means for orders from then on."""
    after = proposal.after
    changed = {change.field for change in proposal.changes}
    told = []
    if "payout_maximum" in changed and after.payout_maximum is not None:
        told.append(
            f"New orders above {format_usdt(after.payout_maximum)} USDT are refused (LUCID_ERR_2002)."
        )
    if "payout_minimum" in changed and after.payout_minimum is not None:
        told.append(f"New orders below {format_usdt(after.payout_minimum)} USDT are refused.")
    return told


def _field(row: Row, subject: RouterPolicy) -> forms.Field:
    value, label = row.read(subject), f"{row.label} ({row.unit})" if row.unit else row.label
    if row.unit == Unit.LIST:
        names = [(name, name.capitalize()) for name in BATCH_TYPES]
        return forms.MultipleChoiceField(
            choices=names,
            widget=forms.CheckboxSelectMultiple,
            required=False,
            initial=value,
            label=label,
            help_text=row.meaning,
        )
    if row.unit == Unit.PAYOUTS:
        return forms.IntegerField(
            min_value=0, max_value=100_000, initial=value, label=label, help_text=row.meaning
        )
    initial = "" if value is None else format_usdt(value)
    return AmountField(required=not row.role, initial=initial, label=label, help_text=row.meaning)
