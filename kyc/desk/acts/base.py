"""What the desk's acts share: the record, its facts without a word about the person, and the one policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.http import Http404

from kyc.desk import words
from kyc.models import KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.review import contents, marking, policy
from kyc.review.errors import ReviewError
from kyc.review.reasons import Reason
from kyc.vault import VaultError
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict

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


class RecordAct(Act):
    """One of `kyc.review`'s acts on a record, whose key is its public id."""

    review: ClassVar[policy.Act]
    roles = frozenset({Role.COMPLIANCE_OFFICER})
    minimum_reason = 0
    # Its own form asks for one of a closed list; words beside it are sealed.
    asks_reason = False
    # What is said when it is done.
    done: ClassVar[str]

    def find(self, key: str) -> KycRecord:
        return _row(KycRecord.objects.select_related("operator__user", "owner", "subject"), key)

    def lock(self, key: str) -> KycRecord:
        rows = KycRecord.objects.select_for_update(of=("self",))
        return _row(rows.select_related("operator__user", "owner", "subject"), key)

    def label(self, subject: KycRecord) -> str:
        return subject.public_id

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

    def version(self, subject: KycRecord) -> str:
        """Its lease runs on while somebody reads; every act on the record counts."""
        return str(subject.revision)

    def allowed(self, user: Any, subject: KycRecord) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        return verdict and policy.may(user, self.review, subject, clock.now())

    def do(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        """The function of `kyc.review`."""
        raise NotImplementedError

    def perform(self, subject: KycRecord, performance: Performance) -> Outcome:
        try:
            self.do(subject, performance.actor, performance.data)
        except ReviewError as refused:
            raise ActRefused(str(refused)) from None
        except VaultError:
            raise ActRefused("What is sealed can't be opened or added to now: nothing was done.") from None
        return Outcome(self.done, words.case_url(subject))


def undecided(record: KycRecord) -> str:
    """Why a record can't pass yet; empty when everything is in order."""
    left = len(marking.undecided(record))
    if not left:
        return ""
    return (
        f"{formats.count(left)} of its fields and documents {'is' if left == 1 else 'are'} not in order yet."
    )


def _row(rows: Any, key: str) -> KycRecord:
    found: KycRecord | None = rows.filter(public_id=key).first() if "\0" not in key else None
    if found is None:
        raise Http404("no such record")
    return found
