"""Raising one limit of one client, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from lucid_payments.accounts.client_acts import ON_A_CLIENT, ClientAct, url_of
from lucid_payments.accounts.models import Client
from lucid_payments.api import raised_limits
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import ActRefused, Outcome, Performance


class LimitForm(forms.Form):
    endpoint = forms.ChoiceField(label="Endpoint")
    a_minute = forms.IntegerField(
        label="Requests a minute",
        required=False,
        min_value=1,
        max_value=raised_limits.MOST,
        help_text="Above what it may today. Empty: back to the documented limit.",
    )
    until = forms.DateField(
        label="Last day (UTC)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: until it is changed.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["endpoint"])
        field.choices = [
            (name, f"{name} ({limit} a minute)") for name, limit in raised_limits.endpoints().items()
        ]

    def clean_until(self) -> str | None:
        """The moment at which that day ends; as text, since answers may wait for a second person."""
        day = self.cleaned_data["until"]
        if day is None:
            return None
        end = datetime.combine(day, time(), UTC) + timedelta(days=1)
        if end <= timezone.now():
            raise ValidationError("That day is over.")
        return end.isoformat()


class ChangeLimit(ClientAct):
    kind = "client.limit"
    title = "Change one limit of a client"
    verb = "Change one limit"
    form_class = LimitForm

    def facts(self, subject: Client) -> dict[str, str]:
        return {**super().facts(subject), **in_words(subject)}

    def consequences(self, subject: Client, data: Mapping[str, Any]) -> list[str]:
        return [
            "It holds from the client's next request on.",
            "A raised limit is the number itself: what multiplies the client's requests doesn't multiply it.",
        ]

    def check(self, subject: Client, data: Mapping[str, Any]) -> None:
        documented = raised_limits.endpoints()[data["endpoint"]] * subject.rate_factor
        if data["a_minute"] is None and data["endpoint"] not in subject.raised_limits:
            raise ActRefused("This limit wasn't raised: there is nothing to take back.")
        if data["a_minute"] is not None and data["a_minute"] <= documented:
            raise ActRefused(f"The client may send {documented} a minute already. Give more than that.")

    def perform(self, subject: Client, performance: Performance) -> Outcome:
        data = performance.data
        self.check(subject, data)
        raised_limits.change(
            subject, data["endpoint"], data["a_minute"],
            datetime.fromisoformat(data["until"]) if data["until"] else None,
            actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id,
        )  # fmt: skip
        return Outcome(f"The limit of {subject} for {data['endpoint']} is changed.", url_of(subject))


def in_words(client: Client) -> dict[str, str]:
    """The raised limits of a client, endpoint to words."""
    return {
        raised.endpoint: f"{raised.a_minute:,} a minute"
        + (f", until {raised.until:%Y-%m-%d %H:%M} UTC" if raised.until else "")
        + ("" if raised.holds else " (over)")
        for raised in raised_limits.of(client)
    }


ON_A_CLIENT.append(acts.register(ChangeLimit()))
