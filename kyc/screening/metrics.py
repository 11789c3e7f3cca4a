"""What Prometheus may know of screening: how old the lists are, what waits for people, what was met, how long it took.

Hits and times are counted where they happen; the gauges are read from the database when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

from django.db import transaction
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kyc.models import CaseState, EntryKind, Grade, Moment, ScreeningCase
from kyc.screening import freshness
from lucid_payments import clock

seconds: Final = Histogram(
    "tron_screening_seconds",
    "Time of one look at the lists, for addresses or for a name",
    ["kind"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
hits: Final = Counter(
    "tron_screening_hits_total", "Listed addresses and names that were met", ["moment", "grade"]
)
# Known from the start: a rate needs a zero before its first event.
for _moment, _grade in product(Moment.values, Grade.values):
    hits.labels(_moment, _grade)
for _kind in EntryKind.values:
    seconds.labels(_kind)


def count_hit(moment: Moment, grade: Grade) -> None:
    """One entry was met, once the running transaction has committed."""
    transaction.on_commit(hits.labels(moment.value, grade.value).inc, robust=True)


class ScreeningCollector(Collector):
    """Gauges of the database's state: every process would say the same, whichever is asked."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        now = clock.now()
        age = GaugeMetricFamily(
            "tron_screening_list_age_seconds",
            "Since the bytes of the list in force last came from their source",
            labels=["list"],
        )
        for name, found in freshness.in_force().items():
            age.add_metric([name], max(0.0, (now - found.fresh_at).total_seconds()))
        yield age
        yield GaugeMetricFamily(
            "tron_screening_open_cases",
            "Hits that nobody has decided",
            value=ScreeningCase.objects.filter(state=CaseState.OPEN).count(),
        )
