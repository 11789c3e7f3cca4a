"""The decisions: approve, ask again, reject; and the second reviewer's two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings

from kyc.desk import words
from kyc.desk.acts.base import SEALED, RecordAct, RecordForm, reason, text, undecided
from kyc.models import KycRecord, Risk
from kyc.review import deciding, marking, policy, reasons
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.backoffice.policy import Verdict


class ApproveForm(RecordForm):
    risk = forms.ChoiceField(label="Risk", choices=[("", "Choose one"), *Risk.choices])
    why = reason(reasons.APPROVAL)
    text = text("In your own words (optional)", SEALED)


class Approve(RecordAct):
    kind = "kyc.approve"
    review = policy.Act.APPROVE
    title = "Approve"
    verb = "Approve"
    keys = "p"
    form_class = ApproveForm
    done = "Approved; at a high risk it waits for a second reviewer."

    def allowed(self, user: Any, subject: KycRecord) -> Verdict:
        verdict = super().allowed(user, subject)
        left = undecided(subject) if verdict else ""
        return Verdict(False, left) if left else verdict

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        months = {risk: deciding.months_for(risk) for risk in Risk}
        return [
            f"The operator is verified from now on: for {months[Risk.LOW]} months at a low risk, "
            f"{months[Risk.MEDIUM]} at a medium one.",
            f"At a high risk another person reviews it first; then it holds for {months[Risk.HIGH]} months.",
            "The applicant is told that it is approved. What is declared is committed to by its hash.",
        ]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return deciding.approve(
            record, actor=actor, risk=Risk(data["risk"]), code=data["why"], text=data["text"]
        )


class AskForm(RecordForm):
    text = text("Words to the applicant (optional)", "The applicant reads them. Sealed; no mail holds them.")


class Ask(RecordAct):
    """All refused marks as one request; this page is its preview."""

    kind = "kyc.ask"
    review = policy.Act.ASK
    title = "Ask the applicant"
    verb = "Ask the applicant"
    keys = "q"
    asks_factor = False
    form_class = AskForm
    done = "Asked. The clock stands until the applicant has answered."

    def allowed(self, user: Any, subject: KycRecord) -> Verdict:
        verdict = super().allowed(user, subject)
        if verdict and not marking.bad(subject):
            return Verdict(False, "Nothing is refused: mark what isn't in order first.")
        return verdict

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        marks = marking.bad(subject)
        documents = words.documents(subject)
        until = clock.now() + timedelta(days=settings.KYC_ANSWER_DAYS)
        return [
            *(
                f"Asked about: {words.place(mark.place, documents)}. {reasons.words(mark.reason_code)} "
                f"({reasons.outward([mark.reason_code])[0]})."
                for mark in marks
            ),
            f"All of it goes out as one request. There is time to answer until {until:%Y-%m-%d}; then the "
            "application is closed.",
            "The clock stands meanwhile, and the case stays yours.",
        ]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return deciding.ask(record, actor=actor, text=data["text"])


class RejectForm(RecordForm):
    why = reason(reasons.REJECTION)
    text = text("In your own words (optional)", SEALED)


class Reject(RecordAct):
    kind = "kyc.reject"
    review = policy.Act.REJECT
    title = "Reject"
    verb = "Reject"
    keys = "x"
    form_class = RejectForm
    done = "Rejected."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return [
            "The application ends here. The applicant is told so, and the reason where it may be told; that a "
            "list was matched never is.",
            "An approval that still stands beside it goes on standing. What can be put right is asked about "
            "instead.",
        ]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return deciding.reject(record, actor=actor, code=data["why"], text=data["text"])


class ConfirmForm(RecordForm):
    why = reason(reasons.APPROVAL)
    text = text("In your own words (optional)", SEALED)


class Confirm(RecordAct):
    kind = "kyc.confirm"
    review = policy.Act.CONFIRM
    title = "Confirm the approval"
    verb = "Confirm the approval"
    keys = "p"
    form_class = ConfirmForm
    done = "Confirmed: the operator is verified."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return [
            "You are the second reviewer: the operator is verified from now on, for "
            f"{deciding.months_for(Risk(subject.risk))} months.",
            "The applicant is told that it is approved.",
        ]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return deciding.confirm(record, actor=actor, code=data["why"], text=data["text"])


class ReturnForm(RecordForm):
    why = reason(reasons.RETURN)
    text = text("In your own words (optional)", SEALED)


class SendBack(RecordAct):
    kind = "kyc.return"
    review = policy.Act.RETURN
    title = "Send it back"
    verb = "Send it back"
    keys = "q"
    asks_factor = False
    form_class = ReturnForm
    done = "Sent back: the review begins again, and the marks stay."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return ["It is in review again, by whoever takes it next. The applicant isn't told."]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return deciding.send_back(record, actor=actor, code=data["why"], text=data["text"])
