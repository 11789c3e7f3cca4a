"""What Prometheus may know of reconciliation, read when it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lucid_payments import clock
from lucid_payments.money import to_decimal
from payouts.models.reconciliation import CaseState, ReconciliationCase
from payouts.reconciliation import runs


class ReconciliationCollector(Collector):
    """Gauges of the database's state: every process would say the same, whichever is asked."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        since = runs.overdue_since()
        yield GaugeMetricFamily(
            "tron_reconciliation_age_seconds",
            "Since chain and books were last compared with an answer",
            value=(clock.now() - since).total_seconds() if since else 0,
        )
        yield GaugeMetricFamily(
            "tron_reconciliation_open_cases",
            "Differences between chain and books that nobody has explained",
            value=ReconciliationCase.objects.filter(state=CaseState.OPEN).count(),
        )
        last = runs.latest_whole()
        if last is not None and last.chain_usdt is not None and last.books_usdt is not None:
            yield GaugeMetricFamily(
                "tron_reconciliation_difference_usdt",
                "USDT on chain less in the books, when last compared",
                value=float(to_decimal(last.chain_usdt - last.books_usdt)),
            )
