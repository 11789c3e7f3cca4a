"""The files of reports: put away a megabyte at a time, handed out the same way, and cleared away when they are old."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from lucid_payments import clock
from lucid_payments.audit import log
from payouts.models.report import Report, ReportFile, ReportPart, ReportState
from payouts.reports.sheets import MadeFile

# All files together; the oldest go first.
MOST_BYTES: Final = 2 * 1024**3


def put_away(report: Report, files: Iterable[MadeFile]) -> list[ReportFile]:
    """In the transaction that ends the report."""
    kept = []
    for made in files:
        row = ReportFile.objects.create(
            report=report, name=made.name, content_type=made.content_type, size=made.size, sha256=made.sha256
        )
        for number, block in enumerate(made.blocks()):
            ReportPart.objects.create(file=row, number=number, content=block)
        kept.append(row)
    return kept


def blocks(file: ReportFile) -> Iterator[bytes]:
    """The file's content, a part at a time; less than its size when it is cleared away meanwhile."""
    numbers = list(file.parts.order_by("number").values_list("number", flat=True))
    for number in numbers:
        part = file.parts.filter(number=number).values_list("content", flat=True).first()
        if part is None:
            return
        yield bytes(part)


def clear_old() -> int:
    """Let go of the files that are older than REPORT_KEEP_DAYS, and of the oldest above the bound; answers how many
    reports lost theirs. Rows and hashes stay.
    """
    cleared = 0
    before = clock.now() - timedelta(days=settings.REPORT_KEEP_DAYS)
    for report in Report.objects.filter(state=ReportState.DONE, ended_at__lt=before).order_by("id")[:100]:
        cleared += _clear(report, "kept long enough")
    while (held := _held()) > MOST_BYTES:
        oldest = Report.objects.filter(state=ReportState.DONE).order_by("id").first()
        if oldest is None or not _clear(oldest, f"{held:,} bytes of files were kept"):
            break
        cleared += 1
    return cleared


def _held() -> int:
    done = ReportFile.objects.filter(report__state=ReportState.DONE)
    total: int | None = done.aggregate(total=Sum("size"))["total"]
    return total or 0


@transaction.atomic
def _clear(report: Report, why: str) -> bool:
    mine = Report.objects.filter(pk=report.pk, state=ReportState.DONE)
    if not mine.update(state=ReportState.CLEARED, cleared_at=clock.LucidNow()):
        return False
    ReportPart.objects.filter(file__report=report).delete()
    log.record("report.cleared", actor=None, subject=report, details={"why": why})
    return True
