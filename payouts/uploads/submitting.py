"""A checked file becomes one batch: everything is looked at once more, and all its payouts are written, or none.

Reached through PayoutManager alone. The batch waits for an approval that binds to the file's hash.
"""

from __future__ import annotations

import hashlib
from typing import Any

from lucid_payments import commits, locks
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice.acts import ActRefused
from lucid_payments.backoffice.policy import Verdict
from payouts import intake
from payouts.approvals import rules
from payouts.models.upload import PayoutUpload, UploadState
from payouts.uploads import checking, reading
from payouts.uploads.receiving import may_upload, told
from routers import standing


class Refused(ActRefused):
    """Nothing was created; the sentence is for who tried. `code`: `not_allowed`, `changed`, `look`."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def may_submit(user: Any, upload: PayoutUpload) -> Verdict:
    """Whoever gave the file, once, while nothing in it is wrong."""
    verdict = may_upload(user)
    if not verdict:
        return verdict
    if upload.uploader_id != user.pk:
        return Verdict(False, f"{upload.uploader.get_username()} gave this file, and submits it.")
    if upload.state == UploadState.SUBMITTED:
        return Verdict(False, "It is submitted already.")
    if upload.state == UploadState.REFUSED:
        return Verdict(False, "Something is wrong in it. Put that right, and upload the file anew.")
    return verdict


def locked(upload: PayoutUpload) -> PayoutUpload:
    """Its row as it is now, locked until the transaction ends: after the turn of who gave it, and that of the file."""
    locks.hold_names([rules.hold_creator(upload.uploader), f"upload {upload.sha256}"])
    rows = PayoutUpload.objects.select_for_update(of=("self",)).select_related("uploader")
    return rows.get(pk=upload.pk)


def submit(
    upload: PayoutUpload,
    *,
    actor: User,
    seen: str,
    look_alikes_meant: bool = False,
    request_id: str = "",
    idempotency_key: str | None = None,
) -> PayoutUpload:
    """The file's batch, or what is wrong in the file by now: its state says which, and then nothing was created.

    `seen` is the SHA-256 of the file that is meant; `look_alikes_meant` says that what `needs_a_word` names was
    looked at. Raises Refused, and BreakerOpen while the routers take nothing.
    """
    with commits.atomic("submit_file"):
        now = locked(upload)
        verdict = may_submit(actor, now)
        if not verdict:
            raise Refused("not_allowed", verdict.reason)
        content = bytes(now.content)
        if not seen == now.sha256 == hashlib.sha256(content).hexdigest():
            raise Refused("changed", "This isn't the file that was looked at.")
        checked = checking.check(
            reading.read(content),
            creator=actor,
            shared={
                "router_type": now.router_type,
                "priority": now.priority,
                "batch_type": now.batch_type,
            },
            sha256=now.sha256,
            request_id=request_id,
        )
        for router in sorted({decision.router for _, decision in checked.decided}):
            standing.refuse_while_open(router)
        before = (now.duplicates, now.look_alikes)
        for name, value in checked.facts.items():
            setattr(now, name, value)
        if checked.is_right:
            _require_a_word(now, before, given=look_alikes_meant)
            now.batch = intake.accept_batch(
                checked.desk,
                checked.decided,
                router_type=now.router_type,
                priority=now.priority,
                batch_type=now.batch_type,
                request_id=request_id,
                idempotency_key=idempotency_key,
                source_hash=now.sha256,
            )
            now.state, now.submitted_at = UploadState.SUBMITTED, checked.desk.at
        now.save(update_fields=[*checked.facts, "batch", "submitted_at"])
        action = "upload.submitted" if now.batch is not None else "upload.refused"
        log.record(action, actor=actor, subject=now, details=told(now), request_id=request_id)
        return now


def needs_a_word(upload: PayoutUpload) -> bool:
    """Whether something in it must be looked at before it is submitted, and that be said."""
    return bool(upload.duplicates or upload.look_alikes)


def _require_a_word(upload: PayoutUpload, before: tuple[int, int], *, given: bool) -> None:
    """What was looked at is what there is now: a payout made since may be the same as a row."""
    if needs_a_word(upload) and not given:
        raise Refused("look", "Say that you have looked at the duplicates and look-alikes.")
    if (upload.duplicates, upload.look_alikes) != before:
        raise Refused(
            "changed",
            f"There are {upload.duplicates} duplicates and {upload.look_alikes} look-alikes by now. Upload the file "
            "anew, and look at them.",
        )
