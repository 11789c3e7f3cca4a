"""How a version comes to be: its file is taken, read, and judged; nothing of it counts before people activate it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.db.models import Max

from kyc.models import ListState, ListVersion
from kyc.screening import entries, files, judgement
from kyc.screening.formats import DATED, FORMATS, ListUnreadable
from kyc.screening.sources import ListSource
from lucid_payments import clock, locks, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit import log

CHECK_TASK = "kyc.tasks.check_lists"


@transaction.atomic
def receive(
    source: ListSource,
    pieces: Iterable[bytes],
    *,
    by: User | None,
    stated_sha256: str = "",
    published_on: date | None = None,
    reason: str = "",
    request_id: str = "",
) -> ListVersion:
    """Take a file as the list's next version; it is checked by the next round of `check_staged`.

    `by` is None for what the system fetched. Raises FileRefused, and nothing is kept.
    """
    locks.hold_names([f"list {source.name}"])
    last = ListVersion.objects.filter(list_name=source.name).aggregate(Max("number"))["number__max"] or 0
    version = ListVersion.objects.create(
        list_name=source.name,
        number=last + 1,
        format=source.format,
        uploaded_by=by,
        reason=reason,
        received_at=clock.now(),
        size=0,
        stated_sha256=stated_sha256.lower(),
        published_on=published_on,
    )
    files.write(version, pieces)
    log.record(
        "list.staged",
        actor=by,
        subject=version,
        details={"sha256": version.file_sha256, "bytes": version.size, "reason": reason},
        request_id=request_id,
    )
    nudge.after_commit(CHECK_TASK)
    return version


@transaction.atomic
def renew(version: ListVersion) -> bool:
    """The list's source gave the very bytes in force again: they are as new as that. False when no longer in force."""
    changed = ListVersion.objects.filter(pk=version.pk, state=ListState.ACTIVE).update(
        fresh_at=clock.LucidNow()
    )
    if changed:
        log.record("list.renewed", actor=None, subject=version, details={"sha256": version.file_sha256})
    return changed == 1


def check_staged() -> int:
    """Check every version that waits for it; answers how many were."""
    done = 0
    while True:
        pk = (
            ListVersion.objects.filter(state=ListState.STAGED)
            .order_by("pk")
            .values_list("pk", flat=True)
            .first()
        )
        if pk is None or not check(pk):
            return done
        done += 1


@transaction.atomic
def check(pk: int) -> bool:
    """Read and judge one staged version. False when somebody else is at it, or it was checked before."""
    version = (
        ListVersion.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk=pk, state=ListState.STAGED)
        .first()
    )
    if version is None:
        return False
    try:
        with transaction.atomic():
            found = entries.keep(version, FORMATS[version.format](files.read(version)))
    except ListUnreadable as refusal:
        return _end(version, [judgement.unreadable(str(refusal))])
    if version.format in DATED or found.published_on:
        version.published_on = found.published_on
    version.addresses, version.names = len(found.addresses), found.names
    version.quarantined = found.quarantined
    return _end(version, judgement.judge(version, found.addresses))


def _end(version: ListVersion, checks: list[judgement.Check]) -> bool:
    failed = any(check.verdict == judgement.FAILED for check in checks)
    version.state = ListState.REFUSED if failed else ListState.CHECKED
    version.checks = [check.as_row() for check in checks]
    version.save()
    log.record(
        f"list.{version.state}",
        actor=None,
        subject=version,
        details={
            "addresses": version.addresses,
            "names": version.names,
            "quarantined": version.quarantined,
            "failed": [check.name for check in checks if check.verdict == judgement.FAILED],
        },
    )
    return True
