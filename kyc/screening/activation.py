"""Putting a checked version in force, in place of the one before. Everybody is screened anew after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from kyc.models import ListContents, ListEntry, ListState, ListVersion, Rescreening
from kyc.screening import judgement, rescreening
from lucid_payments import clock, locks, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox

OVERRIDE_LASTS: Final = timedelta(hours=24)
AT_ONCE: Final = 10_000


class NotActivated(Exception):
    """It can't come into force; the sentence says why. Nothing has changed."""


def locked(pk: int) -> ListVersion | None:
    """The version, its row locked, while nobody signs and no other version comes into force."""
    locks.hold(locks.AdvisoryLock.LISTS)
    return ListVersion.objects.select_for_update(of=("self",)).filter(pk=pk).first()


@transaction.atomic
def activate(
    version: ListVersion, *, by: User, second: User | None, evidence: Mapping[str, Any], request_id: str = ""
) -> None:
    """Let `version` count from now on. Raises NotActivated, the last time that everything is looked at."""
    fresh = locked(version.pk)
    if fresh is None or fresh.state != ListState.CHECKED:
        raise NotActivated("Somebody was first: it isn't waiting any more.")
    before = ListVersion.objects.filter(list_name=fresh.list_name, state=ListState.ACTIVE).first()
    _require(fresh, before, by, second)
    now = clock.now()
    if before is not None:
        ListVersion.objects.filter(pk=before.pk).update(state=ListState.RETIRED, retired_at=now)
    changed = ListVersion.objects.filter(pk=fresh.pk, state=ListState.CHECKED).update(
        state=ListState.ACTIVE, activated_at=now, activated_by=by, second=second, fresh_at=fresh.received_at
    )
    if changed != 1:
        raise NotActivated("Somebody was first: it isn't waiting any more.")
    _put_in_force(fresh, before)
    Rescreening.objects.create(version=fresh, total=rescreening.total())
    log.record("list.activated", actor=by, subject=fresh, details=dict(evidence), request_id=request_id)
    outbox.emit(
        "list.activated",
        subject_type="list",
        subject_id=str(fresh.pk),
        owner=None,
        payload={"list": fresh.list_name, "number": fresh.number},
    )
    nudge.after_commit(rescreening.TASK)


def _require(version: ListVersion, before: ListVersion | None, by: User, second: User | None) -> None:
    if version.uploaded_by_id in {by.pk, second.pk if second else by.pk}:
        raise NotActivated("Who uploaded a list doesn't put it in force.")
    if before is not None and before.number > version.number:
        raise NotActivated(f"Version {before.number} is in force, which came later.")
    for check in judgement.against_now(version):
        if check.verdict == judgement.FAILED:
            raise NotActivated(check.sentence)
        if check.verdict == judgement.SECOND and second is None:
            raise NotActivated(check.sentence)


def _put_in_force(version: ListVersion, before: ListVersion | None) -> None:
    """What both hold changes hands without a moment in which it doesn't count: one transaction."""
    ids = ListContents.objects.get(version=version).entry_ids
    for start in range(0, len(ids), AT_ONCE):
        ListEntry.objects.filter(pk__in=ids[start : start + AT_ONCE]).update(in_force=version)
    if before is not None:
        ListEntry.objects.filter(list_name=version.list_name, in_force=before).update(in_force=None)


@transaction.atomic
def override(
    version: ListVersion, *, by: User, second: User, evidence: Mapping[str, Any], request_id: str = ""
) -> None:
    """Let a list that is too old count for another 24 hours. Raises NotActivated when it isn't in force any more."""
    until = clock.now() + OVERRIDE_LASTS
    changed = ListVersion.objects.filter(pk=version.pk, state=ListState.ACTIVE).update(overridden_until=until)
    if changed != 1:
        raise NotActivated("This version isn't in force any more.")
    log.record(
        "list.overridden",
        actor=by,
        subject=version,
        details={**evidence, "until": until.isoformat(), "second": second.get_username()},
        request_id=request_id,
    )
    outbox.emit(
        "list.overridden",
        subject_type="list",
        subject_id=str(version.pk),
        owner=None,
        payload={"list": version.list_name},
    )
