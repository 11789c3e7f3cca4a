"""When each task of the schedule last ended well: a silent beat, a stuck worker and a failing task all show by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from celery.states import SUCCESS
from django.conf import settings
from prometheus_client import Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

last_success = Gauge(
    "lucid_task_last_success_timestamp_seconds",
    "When the periodic task last ended well",
    ["task"],
    multiprocess_mode="mostrecent",
)


def note(task: Any = None, state: str | None = None, **kwargs: object) -> None:
    """Celery tells of every task's end; by the machine's own clock, which Prometheus's is too."""
    if state == SUCCESS and task.name in periods():
        last_success.labels(task.name).set_to_current_time()


def periods() -> dict[str, float]:
    """Seconds between two runs, by the task's name."""
    return {str(entry["task"]): float(entry["schedule"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}


class PeriodCollector(Collector):
    def describe(self) -> Iterable[Metric]:
        """Nothing to read at registration."""
        return ()

    def collect(self) -> Iterator[Metric]:
        told = GaugeMetricFamily("lucid_task_period_seconds", "How often the task is to run", labels=["task"])
        for task, seconds in periods().items():
            told.add_metric([task], seconds)
        yield told
