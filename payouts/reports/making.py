"""Making the reports that were asked for, one at a time: read in one moment of the database, written row by row.

A report is leased to its worker. One that is killed lets the lease run out, and the next one begins anew; what a
worker finishes after its lease was taken over is thrown away.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from lucid_payments import clock, locks
from lucid_payments.audit import log
from lucid_payments.locks import AdvisoryLock
from payouts.models.report import OPEN_REPORT, Report, ReportState
from payouts.reports import keeping, progress, sheets
from payouts.reports.contents import Verdict
from payouts.reports.kinds import BUILDERS
from payouts.reports.sheets import MadeFile

# A worker of a small machine writes so many in two minutes.
MOST_ROWS: Final = 300_000
MOST_TRIES: Final = 3
LEASE: Final = timedelta(minutes=10)

logger = logging.getLogger(__name__)


class TooMuch(Exception):
    """The report would be larger than any that is made; the text says what to ask for instead."""


def make_next() -> Report | None:
    """Make the report that has waited longest; None when there is nothing to do, or another worker is at it."""
    report = _take()
    if report is None:
        return None
    try:
        with ExitStack() as until_kept:
            with one_moment():
                report.as_of = clock.now()
                content = BUILDERS[report.kind](report)
                counter = _Counter(report.pk, _require_few(content.rows))
                files = until_kept.enter_context(
                    sheets.written(_file_name(report), content.sheets(), each_row=counter.up)
                )
                verdict = content.verdict()
                files = [*content.further(_file_name(report)), *files]
            _end(report, verdict, counter.done, files)
    except TooMuch as error:
        _fail(report, str(error))
    except Exception:
        logger.exception("report failed", extra={"report": report.pk})
        _fail(report, "It couldn't be made. The worker's log says why.")
        raise
    report.refresh_from_db()
    return report


@contextmanager
def one_moment() -> Iterator[None]:
    """Every query inside sees the database as it was at the first one, and nothing is written.

    Within a transaction that is open already it is that one's moments.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


class _Counter:
    """Counts rows, and tells now and then how far it is."""

    def __init__(self, report: int, total: int) -> None:
        self.done = 0
        self._report = report
        self._total = total
        progress.note(report, 0, total)

    def up(self) -> None:
        self.done += 1
        if self.done % progress.EVERY == 0:
            progress.note(self._report, self.done, max(self._total, self.done))


@transaction.atomic
def _take() -> Report | None:
    locks.hold(AdvisoryLock.REPORTS)
    now = clock.now()
    running = Report.objects.filter(state=ReportState.RUNNING)
    if running.filter(leased_until__gte=now).exists():
        return None
    report = Report.objects.filter(state__in=OPEN_REPORT).order_by("id").first()
    while report is not None and report.tries >= MOST_TRIES:
        _fail(report, f"It was begun {MOST_TRIES} times and never ended: the worker was stopped each time.")
        report = Report.objects.filter(state__in=OPEN_REPORT).order_by("id").first()
    if report is None:
        return None
    Report.objects.filter(pk=report.pk).update(
        state=ReportState.RUNNING, started_at=now, leased_until=now + LEASE, tries=F("tries") + 1
    )
    report.refresh_from_db()
    return report


def _require_few(rows: int) -> int:
    if rows > MOST_ROWS:
        raise TooMuch(f"It would have {rows:,} rows; {MOST_ROWS:,} are the most. Ask for single days.")
    return rows


@transaction.atomic
def _end(report: Report, verdict: Verdict, rows: int, files: Iterable[MadeFile]) -> None:
    """Unless somebody else has taken it over meanwhile: then this one's work is dropped."""
    mine = Report.objects.filter(pk=report.pk, state=ReportState.RUNNING, tries=report.tries)
    if not mine.update(
        state=ReportState.DONE,
        as_of=report.as_of,
        rows=rows,
        agrees=verdict.agrees,
        verdict=verdict.words[:500],
        ended_at=clock.LucidNow(),
        leased_until=None,
    ):
        return
    kept = keeping.put_away(report, files)
    log.record(
        "report.made",
        actor=None,
        subject=report,
        details={
            "agrees": verdict.agrees,
            "rows": rows,
            "files": [{"name": file.name, "bytes": file.size, "sha256": file.sha256} for file in kept],
        },
    )


@transaction.atomic
def _fail(report: Report, words: str) -> None:
    mine = Report.objects.filter(pk=report.pk, state__in=OPEN_REPORT, tries=report.tries)
    if mine.update(
        state=ReportState.FAILED, verdict=words[:500], ended_at=clock.LucidNow(), leased_until=None
    ):
        log.record("report.failed", actor=None, subject=report, details={"why": words})


def _file_name(report: Report) -> str:
    """Such as ``report-7-day-2026-11-22``; a batch's letters matter, so they stay as they are."""
    return f"report-{report.pk}-{report.kind}-{report.about}"
