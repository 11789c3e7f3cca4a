"""Who works on it and when: put off, pass upwards, take over, hand on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms

from kyc.desk.acts.base import SEALED, RecordAct, RecordForm, reason, text
from kyc.models import KycRecord
from kyc.review import policy, reasons, taking
from kyc.review.errors import Refused
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role

_WHY = f"At least {taking.MINIMUM_REASON} characters. {SEALED}"


class SnoozeForm(RecordForm):
    until = forms.DateField(
        label="Until",
        help_text=f"It comes back at 00:00 UTC of that day, within {taking.LONGEST_SNOOZE.days} days.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    text = text("Why", _WHY, required=True)

    def clean_until(self) -> str:
        """JSON holds no date."""
        return str(self.cleaned_data["until"].isoformat())


class Snooze(RecordAct):
    kind = "kyc.snooze"
    review = policy.Act.SNOOZE
    title = "Put off"
    verb = "Put it off"
    keys = "o"
    asks_factor = False
    form_class = SnoozeForm
    done = "Put off. It stays yours, and comes back by itself."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return ["It leaves the queues until that day. Its clock goes on."]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        until = datetime.fromisoformat(data["until"]).replace(tzinfo=UTC)
        return taking.snooze(record, actor=actor, until=until, reason=data["text"])


class EscalateForm(RecordForm):
    why = reason(reasons.ESCALATION)
    text = text("Why", _WHY, required=True)


class Escalate(RecordAct):
    kind = "kyc.escalate"
    review = policy.Act.ESCALATE
    title = "Escalate"
    verb = "Escalate"
    keys = "e"
    asks_factor = False
    form_class = EscalateForm
    done = "Escalated to the responsible officers."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return ["From now on responsible officers alone work on it. You give it up with that."]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return taking.escalate(record, actor=actor, code=data["why"], reason=data["text"])


class StealForm(RecordForm):
    text = text("Why", _WHY, required=True)


class Steal(RecordAct):
    kind = "kyc.steal"
    review = policy.Act.STEAL
    title = "Take it over"
    verb = "Take it over"
    asks_factor = False
    form_class = StealForm
    done = "You have it now."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        who = subject.owner.get_username() if subject.owner else "Its owner"
        return [f"{who} loses it at once. What was marked stays, and the timeline says that you took it."]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        return taking.steal(record, actor=actor, reason=data["text"])


class ReassignForm(RecordForm):
    to = forms.ChoiceField(label="To")
    text = text("Why", _WHY, required=True)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        officers = User.objects.filter(role=Role.COMPLIANCE_OFFICER, is_active=True).order_by("username")
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared five lines above
        field.choices = [
            ("", "Choose one"),
            *((str(each.public_id), each.get_username()) for each in officers),
        ]


class Reassign(RecordAct):
    kind = "kyc.reassign"
    review = policy.Act.REASSIGN
    title = "Hand it on"
    verb = "Hand it on"
    asks_factor = False
    form_class = ReassignForm
    done = "Handed on."

    def consequences(self, subject: KycRecord, data: Mapping[str, Any]) -> list[str]:
        return ["It is the other person's at once, with a fresh lease. What was marked stays."]

    def decide(self, record: KycRecord, actor: User, data: Mapping[str, Any]) -> object:
        to = User.objects.filter(public_id=data["to"]).first()
        if to is None:
            raise Refused("There is no such person.")
        return taking.reassign(record, actor=actor, to=to, reason=data["text"])
