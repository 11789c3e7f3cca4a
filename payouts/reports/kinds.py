"""The kinds of reports that there are, and what makes each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from payouts.models.report import Report, ReportKind
from payouts.reports import journal, payments, runs
from payouts.reports.contents import Content

BUILDERS: Final[dict[str, Callable[[Report], Content]]] = {
    ReportKind.DAY: payments.build,
    ReportKind.MONTH: payments.build,
    ReportKind.BATCH: payments.build,
    ReportKind.JOURNAL: journal.build,
    ReportKind.RUN: runs.build,
}
