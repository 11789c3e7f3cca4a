"""What is done when somebody asks about their own data, each on a confirm page; erasing takes two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django import forms
from django.urls import reverse

from kyc.models import KycRecord
from kyc.models.operators import OperatorStatus as State
from kyc.record_act import KycAct
from kyc.review import contents, erasing, policy, reasons, rights
from kyc.review.fields import FIELDS
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Performance

NAME_NOBODY: Final = (
    "Name nobody in the reason: it stays when everything else is erased. A letter's date will do."
)


class RightsAct(KycAct):
    """On what is kept of a person."""

    # What happens.
    meaning: ClassVar[str]

    def facts(self, subject: KycRecord) -> dict[str, str]:
        return {
            "Operator": subject.operator.operator_id,
            "State": State(subject.state).label,
            "Version of what is declared": str(subject.version),
            "Kept until": f"{subject.retain_until:%Y-%m-%d}"
            if subject.retain_until
            else "as long as it stands",
            "Legal hold since": _day(subject.legal_hold_since),
            "Restricted since": _day(subject.restricted_at),
        }

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return [self.meaning, NAME_NOBODY]

    def page_of(self, record: KycRecord) -> str:
        return url_of(record)


class CorrectForm(forms.Form):
    field = forms.ChoiceField(
        label="What is wrong", choices=[(name, field.label) for name, field in FIELDS.items()]
    )
    value = forms.CharField(
        label="What it should say", max_length=200, required=False, help_text="Empty takes it out."
    )


class Correct(RightsAct):
    kind = "kyc.correct"
    review = policy.Act.CORRECT
    title = "Correct what is declared"
    verb = "Correct"
    form_class = CorrectForm
    meaning = "A new version; the older ones stay, sealed. What reads otherwise now is looked at again."
    done = "Corrected: a new version is there."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        told = super().consequences(subject, data)
        if subject.state in (State.APPROVED, State.EXPIRING):
            told.insert(1, "Its commitment changes: until it is attested anew, nothing is paid by it.")
        return told

    def do(self, record: KycRecord, performance: Performance) -> object:
        declared = {**contents.opened(record).fields, performance.data["field"]: performance.data["value"]}
        return rights.correct(record, declared, actor=performance.actor, reason=performance.reason)


class Restrict(RightsAct):
    kind = "kyc.restrict"
    review = policy.Act.RESTRICT
    title = "Restrict the processing"
    verb = "Restrict"
    meaning = "It is kept and nobody works with it; what protects others, a suspension say, stays possible."
    done = "Restricted."

    def do(self, record: KycRecord, performance: Performance) -> object:
        return rights.restrict(record, actor=performance.actor, reason=performance.reason)


class Unrestrict(RightsAct):
    kind = "kyc.unrestrict"
    review = policy.Act.UNRESTRICT
    title = "Lift the restriction"
    verb = "Lift the restriction"
    meaning = "It is worked with again. The person is told."
    done = "The restriction is lifted."

    def do(self, record: KycRecord, performance: Performance) -> object:
        return rights.unrestrict(record, actor=performance.actor, reason=performance.reason)


class Hold(RightsAct):
    kind = "kyc.hold"
    review = policy.Act.HOLD
    title = "Put a legal hold on it"
    verb = "Legal hold"
    meaning = "Nothing of it is destroyed, whoever asks and whatever time passes. The person isn't told."
    done = "The legal hold is on it."

    def do(self, record: KycRecord, performance: Performance) -> object:
        return rights.hold(record, actor=performance.actor, reason=performance.reason)


class LiftHold(RightsAct):
    kind = "kyc.lift_hold"
    review = policy.Act.LIFT_HOLD
    title = "Lift the legal hold"
    verb = "Lift the hold"
    meaning = "The time to keep it counts again; if that is over, it is erased within the hour."
    done = "The legal hold is lifted."

    def do(self, record: KycRecord, performance: Performance) -> object:
        return rights.lift_hold(record, actor=performance.actor, reason=performance.reason)


class EraseForm(forms.Form):
    why = forms.ChoiceField(
        label="Why", choices=[(reason.code, reason.words) for reason in reasons.ERASURE.values()]
    )


class Erase(RightsAct):
    kind = "kyc.erase"
    review = policy.Act.ERASE
    title = "Erase what is held"
    verb = "Erase"
    form_class = EraseForm
    meaning = (
        "The key is destroyed: what is declared, the documents and all notes can't be read again, in no backup"
        " either. Nothing brings it back."
    )
    done = "Erased."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        told = super().consequences(subject, data)
        told.insert(1, "Commitment, timeline and audit entries stay and verify; they don't say who it was.")
        return told

    def needs_second(self, subject: KycRecord, data: Mapping[str, Any]) -> bool:
        return True

    def do(self, record: KycRecord, performance: Performance) -> object:
        return erasing.erase(
            record,
            actor=performance.actor,
            second=performance.second,
            code=performance.data["why"],
            reason=performance.reason,
        )


def url_of(record: KycRecord) -> str:
    return reverse("admin:kyc_personsdata_change", args=[record.public_id])


def _day(moment: Any) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "no"


ALL: Final = (Correct, Restrict, Unrestrict, Hold, LiftHold, Erase)
for _act in ALL:
    acts.register(_act())
