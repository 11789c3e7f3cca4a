"""Taking a file: it is read, checked, and kept with what was found. Nothing is created of it yet."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.audit import log
from lucid_payments.backoffice.policy import Verdict
from payouts.models.payout import BatchType, Priority
from payouts.models.upload import PayoutUpload
from payouts.uploads import checking, reading

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Terms:
    """What all payouts of a file have in common, as those of any batch; `router_type` None: the rule, row by row."""

    router_type: str | None = None
    priority: int = Priority.NORMAL
    batch_type: str = BatchType.HOURLY

    def shared(self) -> dict[str, Any]:
        return {
            "router_type": self.router_type,
            "priority": self.priority,
            "batch_type": self.batch_type,
        }


def may_upload(user: User) -> Verdict:
    """Whoever may create batches (contract.md, "Roles")."""
    if not user.may(roles.CREATE):
        return Verdict(False, f"The role {Role(user.role).label.lower()} doesn't create payouts.")
    if user.role == Role.END_USER:
        return Verdict(False, "End users ask for payouts one by one.")
    return Verdict(True)


@transaction.atomic
def receive(
    content: bytes, name: str, *, uploader: User, terms: Terms | None = None, request_id: str = ""
) -> PayoutUpload:
    """Keep the file with what its check found. Raises FileRefused, with nothing kept, for what can't be read."""
    terms = terms or Terms()
    sheet = reading.read(content)
    sha256 = hashlib.sha256(content).hexdigest()
    checked = checking.check(
        sheet, creator=uploader, shared=terms.shared(), sha256=sha256, request_id=request_id
    )
    upload = PayoutUpload.objects.create(
        uploader=uploader,
        name=_CONTROL.sub("", name)[:200],
        kind=sheet.kind,
        content=content,
        size=len(content),
        sha256=sha256,
        **terms.shared(),
        **checked.facts,
    )
    log.record("upload.checked", actor=uploader, subject=upload, details=told(upload), request_id=request_id)
    return upload


def others_of(upload: PayoutUpload) -> QuerySet[PayoutUpload]:
    """The same bytes, given at another time or by somebody else; the newest first."""
    rows = PayoutUpload.objects.filter(sha256=upload.sha256).exclude(pk=upload.pk)
    return rows.select_related("uploader", "batch").defer("content", "rows", "findings").order_by("-pk")


def told(upload: PayoutUpload) -> dict[str, Any]:
    """What the audit log says of a file: figures and the hash, nobody's address."""
    return {
        "sha256": upload.sha256,
        "state": upload.state,
        "rows": upload.rows_count,
        "wrong_rows": upload.wrong_rows,
        "duplicates": upload.duplicates,
        "look_alikes": upload.look_alikes,
    }
