"""What the desk's acts share: the record, its facts without a word about the person, and the one policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from kyc.desk import words
from kyc.models import KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.record_act import KycAct
from kyc.review import contents, marking
from kyc.review.reasons import Reason
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.acts import Performance

SEALED = "Sealed with the case: neither the audit log nor the applicant gets it."


def text(label: str, help_text: str, *, required: bool = False) -> forms.CharField:
    """Free text, which may name anybody: it is sealed."""
    return forms.CharField(
        label=label,
        required=required,
        max_length=contents.LONGEST_NOTE,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def reason(listed: Mapping[str, Reason]) -> forms.ChoiceField:
    """One of a closed list."""
    found = [("", "Choose one"), *((each.code, each.words) for each in listed.values())]
    return forms.ChoiceField(label="Reason", choices=found)


class RecordForm(forms.Form):
    """Whoever comes by keyboard begins to write at once."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        next(iter(self.fields.values())).widget.attrs["autofocus"] = True


class RecordAct(KycAct):
    """Decided from the case's own page."""

    minimum_reason = 0
    # Its own form asks for one of a closed list; words beside it are sealed.
    asks_reason = False

    def facts(self, subject: KycRecord) -> dict[str, str]:
        now = clock.now()
        told = {
            "Operator": subject.operator.operator_id,
            "State": words.STATES[State(subject.state)][0],
            "Owner": words.owner(subject, now),
            "Version of what is declared": str(subject.version),
        }
        if subject.due_at is not None:
            told["Due (UTC)"] = f"{subject.due_at:%Y-%m-%d %H:%M}"
        if subject.risk:
            told["Risk"] = subject.get_risk_display()
        if subject.first_reviewer is not None:
            told["First reviewer"] = subject.first_reviewer.get_username()
        if subject.expires_at is not None:
            told["Expires"] = f"{subject.expires_at:%Y-%m-%d}"
        return told

    def do(self, record: KycRecord, performance: Performance) -> object:
        return self.decide(record, performance.actor, performance.data)

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        """The function of `kyc.review`, with what the form says."""
        raise NotImplementedError

    def page_of(self, record: KycRecord) -> str:
        return words.case_url(record)


def undecided(record: KycRecord) -> str:
    """Why a record can't pass yet; empty when everything is in order."""
    left = len(marking.undecided(record))
    if not left:
        return ""
    return (
        f"{formats.count(left)} of its fields and documents {'is' if left == 1 else 'are'} not in order yet."
    )
