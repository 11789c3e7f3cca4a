"""What follows by itself once a run has settled: its proof, its report, and the step that says both are there.

Safe to run twice, at once, late or never: each part looks for what is there already.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from lucid_payments import clock
from lucid_payments.audit.head_keys import HeadKeyError
from payouts import alarms
from payouts.distribution import lifecycle, proving
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.proving import NotProvable
from payouts.models.distribution import DistributionRun, RunState
from payouts.models.proof import RunRoot
from payouts.models.report import OPEN_REPORT, Report, ReportKind, ReportState
from payouts.reports import asking

ALARM: Final = "distribution_proof"
# A report that failed.
TRIED_AGAIN_AFTER: Final = timedelta(hours=1)


def advance() -> None:
    """One turn over the runs that have settled."""
    wrong = ""
    for run in DistributionRun.objects.filter(state=RunState.SETTLED).order_by("period"):
        try:
            _report(run.pk, proving.prove(run.pk))
        except (NotProvable, HeadKeyError) as error:
            wrong = f"Run {run.period} has no proof: {error}"
        except (RunRefused, asking.Refused):
            continue  # somebody was first, or the queue is full: next turn
    if wrong:
        alarms.raise_alarm(ALARM, wrong)
    else:
        alarms.clear([ALARM])


@transaction.atomic
def _report(pk: int, root: RunRoot) -> None:
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.SETTLED)
    reports = Report.objects.filter(kind=ReportKind.RUN, about=run.period)
    if reports.filter(as_of__gte=root.at, ended_at__isnull=False).exclude(state=ReportState.FAILED).exists():
        detail = f"Root {root.root} over {root.size:,} recipients."
        lifecycle.move(run, RunState.REPORTED, "report", detail=detail)
        return
    mine = reports.filter(maker=None)
    lately = Q(state__in=OPEN_REPORT) | Q(ended_at__gte=clock.now() - TRIED_AGAIN_AFTER)
    if not mine.filter(lately).exists():
        asking.ask(ReportKind.RUN, run.period, {"period": run.period}, maker=None)
