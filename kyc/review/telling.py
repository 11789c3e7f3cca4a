"""Telling the applicant by e-mail that there is news, beside the event: the application's id and state, and no more.

Nothing is sent to an account without an address, or where no mail server is set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string

from kyc.models import KycRecord
from lucid_payments.backoffice import notices

# The states' names in a sentence.
WORDS: Final[dict[str, str]] = {
    "submitted": "it has been handed in",
    "in_review": "it is being looked at",
    "info_requested": "something is asked of you",
    "approved": "it is approved",
    "rejected": "it is not approved",
    "expiring": "it is to be renewed",
    "expired": "it has expired",
    "suspended": "it is suspended",
    "revoked": "it is revoked",
}
SOMETHING: Final = "something about it has changed"


def mail(record: KycRecord, payload: Mapping[str, Any], *, moved: bool) -> None:
    """Mail the record's own applicant once the transaction has committed. `payload` is the event's; `moved`: its
    state is another one than before."""
    address = record.operator.user.email
    if not address or not settings.EMAIL_HOST:
        return
    said = {
        "application_id": record.public_id,
        "status": WORDS.get(payload["status"], SOMETHING) if moved else SOMETHING,
        "answer_by": str(payload.get("answer_by", ""))[:10],
    }
    subject = render_to_string("emails/kyc_subject.txt").strip()
    notices.tell_one(address, subject=subject, body=render_to_string("emails/kyc.txt", said))
