"""After the approval: suspend, lift the suspension, revoke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kyc.desk.acts.base import SEALED, RecordAct, RecordForm, reason, text
from kyc.models import KycRecord
from kyc.review import enduring, policy, reasons
from lucid_payments.accounts.models import User

_WORDS = "In your own words (optional)"


class SuspendForm(RecordForm):
    why = reason(reasons.SUSPENSION)
    text = text(_WORDS, SEALED)


class Suspend(RecordAct):
    kind = "kyc.suspend"
    review = policy.Act.SUSPEND
    title = "Suspend"
    verb = "Suspend"
    form_class = SuspendForm
    done = "Suspended: nothing is paid by this verification."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return [
            "From now on nothing is paid through the KYC router to this operator's nodes.",
            "The applicant is told that it is suspended. Another person than you can lift it.",
        ]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return enduring.suspend(record, actor=actor, code=data["why"], text=data["text"])


class ReinstateForm(RecordForm):
    why = reason(reasons.REINSTATEMENT)
    text = text(_WORDS, SEALED)


class Reinstate(RecordAct):
    kind = "kyc.reinstate"
    review = policy.Act.REINSTATE
    title = "Lift the suspension"
    verb = "Lift the suspension"
    form_class = ReinstateForm
    done = "The suspension is lifted."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return ["The verification counts again, until the day on which it expires."]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return enduring.reinstate(record, actor=actor, code=data["why"], text=data["text"])


class RevokeForm(RecordForm):
    why = reason(reasons.REVOCATION)
    text = text(_WORDS, SEALED)


class Revoke(RecordAct):
    kind = "kyc.revoke"
    review = policy.Act.REVOKE
    title = "Revoke"
    verb = "Revoke for good"
    form_class = RevokeForm
    done = "Revoked for good."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return [
            "The approval is taken back for good; only a new application leads to another.",
            "Nothing is paid through the KYC router to this operator's nodes. The applicant is told.",
        ]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return enduring.revoke(record, actor=actor, code=data["why"], text=data["text"])
