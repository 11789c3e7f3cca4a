"""Submitting a checked file: what becomes one batch, and waits for approvers as one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.http import Http404
from django.urls import reverse

from lucid_payments.accounts.roles import Role
from lucid_payments.api.errors import BreakerOpen
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.money import format_usdt
from payouts.manager import PayoutManager
from payouts.models.payout import BatchType
from payouts.models.upload import PayoutUpload, UploadState
from payouts.uploads import submitting
from routers.choices import RouterType

SLOTS: Final = {
    BatchType.IMMEDIATE: "At once",
    BatchType.HOURLY: "At the top of the hour",
    BatchType.DAILY: "At 24:00 UTC",
    BatchType.WEEKLY: "On Sunday, 24:00 UTC",
}


class MeantForm(forms.Form):
    """Asked where rows look like another payment."""

    meant = forms.MultipleChoiceField(
        label="Duplicates and look-alikes",
        widget=forms.CheckboxSelectMultiple,
        choices=[("all", "I have looked at each of them, and all are meant")],
    )


class SubmitFile(Act):
    """The key is the file's id."""

    kind = "upload.submit"
    title = "Submit a file of payouts"
    verb = "Submit for approval"
    roles = frozenset({Role.ADMIN})
    minimum_reason = 0
    asks_reason = False

    def find(self, key: str) -> PayoutUpload:
        rows = PayoutUpload.objects.select_related("uploader").defer("content", "rows", "findings")
        upload = rows.filter(upload_id=key).first() if "\0" not in key else None
        if upload is None:
            raise Http404("no such file")
        return upload

    def lock(self, key: str) -> PayoutUpload:
        return submitting.locked(self.find(key))

    def label(self, subject: PayoutUpload) -> str:
        return subject.name

    def allowed(self, user: Any, subject: PayoutUpload) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        return verdict and submitting.may_submit(user, subject)

    def facts(self, subject: PayoutUpload) -> dict[str, str]:
        return {
            "Payouts": formats.count(subject.rows_count),
            "Together": f"{format_usdt(subject.total_amount)} USDT",
            "Recipients": formats.count(subject.recipients),
            "Never paid before": formats.count(subject.first_time),
            "Rows like another payout": formats.count(subject.duplicates),
            "Rows with a look-alike address": formats.count(subject.look_alikes),
            "They go, once approved": SLOTS[BatchType(subject.batch_type)],
            "Router": RouterType(subject.router_type).label if subject.router_type else "by the rule",
            "SHA-256 of the file": formats.code(subject.sha256),
        }

    def version(self, subject: PayoutUpload) -> str:
        return acts.fingerprint({**self.facts(subject), "state": subject.state})

    def consequences(self, subject: PayoutUpload, data: Mapping[str, Any]) -> list[str]:
        return [
            "Every row is looked at once more. If anything is wrong by now, nothing is created and the file says what.",
            f"Otherwise {formats.count(subject.rows_count)} payouts are created as one batch, all or none.",
            "None of them goes before others have approved the file, as one thing: whoever submits doesn't approve.",
            "The same file is never taken again.",
        ]

    def questions(self, subject: PayoutUpload, answers: Any = None) -> forms.Form | None:
        if not submitting.needs_a_word(subject):
            return None
        return MeantForm(answers)

    def perform(self, subject: PayoutUpload, performance: Performance) -> Outcome:
        try:
            upload = PayoutManager.submit_file(
                subject,
                actor=performance.actor,
                seen=subject.sha256,
                look_alikes_meant=bool(performance.data.get("meant")),
                request_id=performance.request_id,
            )
        except BreakerOpen:
            raise ActRefused("A breaker is open, or a kill switch is pulled: nothing is taken now.") from None
        if upload.state != UploadState.SUBMITTED:
            return Outcome(
                "Nothing was created: something in the file is wrong by now. It says what.", url_of(upload)
            )
        return Outcome(
            f"{upload.rows_count:,} payouts wait for approval as one batch.",
            url_of(upload),
        )


def url_of(upload: PayoutUpload) -> str:
    return reverse("admin:payouts_payoutupload_change", args=[upload.upload_id])


SUBMIT = acts.register(SubmitFile())
