"""What Prometheus may know of payouts and of the nodes (names of contract.md, "Metrics").

Requests, amounts and durations are counted as they happen, by whichever process does it, once its transaction has
committed. How many payouts there are is read from the database when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

from django.db import transaction
from django.db.models import Min, Sum
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lucid_payments.money import to_decimal
from payouts.models.attempt import Attempt, AttemptState
from payouts.models.paid import PaidHour
from payouts.models.payout import PUBLIC_STATUS, Payout, PayoutStatus, Priority
from payouts.schedule import next_slot
from payouts.tron.health import Heads
from routers.choices import RouterType

ACCEPTED: Final = "success"
REFUSED: Final = "error"
ENDED: Final = (PayoutStatus.CONFIRMED, PayoutStatus.FAILED)
UNKNOWN: Final = "unknown"

network_latency = Histogram(
    "tron_network_latency_seconds",
    "Time of a call to a TRON node",
    ["operation"],
    buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
network_errors = Counter("tron_network_errors_total", "Failed calls to TRON nodes", ["operation"])
requests = Counter(
    "tron_payment_requests_total",
    "Payouts asked for: accepted (success) or refused (error), and how the accepted ones end",
    ["router_type", "priority", "status"],
)
amounts = Counter("tron_payout_amount_usdt_total", "USDT paid by confirmed payouts", ["router_type"])
durations = Histogram(
    "tron_payout_processing_duration_seconds",
    "From acceptance (or the batch's slot) to the first broadcast, of payouts as they end",
    ["router_type", "status"],
    buckets=(1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300, 900, 3600, 14400),
)
attempts = Counter(
    "tron_attempts_total", "Signed transactions whose end is known, by what came of them", ["outcome"]
)
node_usable = Gauge(
    "tron_node_usable",
    "1 for a node that may be asked, as last seen",
    ["node"],
    multiprocess_mode="mostrecent",
)
node_behind = Gauge(
    "tron_node_behind_seconds",
    "How far the node's head is behind the best one, by the blocks' own times, as last seen",
    ["node"],
    multiprocess_mode="mostrecent",
)
# Known from the start: a rate needs a zero before its first event.
for _outcome in (AttemptState.SUCCEEDED, AttemptState.REVERTED, AttemptState.DEAD):
    attempts.labels(_outcome.value)
for _router, _priority, _status in product(
    RouterType.values, Priority.labels, (ACCEPTED, REFUSED, *(status.value for status in ENDED))
):
    requests.labels(_router, _priority, _status)
for _router in RouterType.values:
    amounts.labels(_router)
    for _ended in ENDED:
        durations.labels(_router, _ended.value)


def observe_node_call(operation: str, node: str, seconds: float, outcome: str) -> None:
    """Told of every call by the node pool; `outcome` is "ok" or the error's code."""
    network_latency.labels(operation).observe(seconds)
    if outcome != "ok":
        network_errors.labels(operation).inc()


def note_heads(heads: Heads) -> None:
    """What the watcher has just heard from each node; one that gave no head is only noted as not usable."""
    best = max((node.head.timestamp_ms for node in heads.nodes if node.head), default=0)
    for node in heads.nodes:
        node_usable.labels(node.node).set(int(node.usable))
        if node.head is not None:
            node_behind.labels(node.node).set((best - node.head.timestamp_ms) / 1000)


def count_resolved(rows: Sequence[Attempt], outcome: AttemptState) -> None:
    """These attempts have ended so, once the running transaction has committed."""
    if rows:
        transaction.on_commit(lambda: attempts.labels(outcome.value).inc(len(rows)), robust=True)


def count_refused(asked: Any) -> None:
    """An order was refused. What it asked for counts where it is one of the contract's words."""
    fields = asked if isinstance(asked, Mapping) else {}
    router, priority = fields.get("router_type"), fields.get("priority", Priority.NORMAL.label)
    requests.labels(
        router if router in RouterType.values else UNKNOWN,
        priority if priority in Priority.labels else UNKNOWN,
        REFUSED,
    ).inc()


def count_accepted(payouts: Iterable[Payout]) -> None:
    """These payouts came in, once the running transaction has committed."""
    for labels in [_labels(payout, ACCEPTED) for payout in payouts]:
        transaction.on_commit(requests.labels(*labels).inc, robust=True)


def count_ended(payouts: Sequence[tuple[Payout, PayoutStatus]]) -> None:
    """These payouts are confirmed or failed for good, once the running transaction has committed. One query."""
    if not payouts:
        return
    pks = [payout.pk for payout, _ in payouts]
    sent = dict(
        Attempt.objects.filter(payout_id__in=pks)
        .values_list("payout_id")
        .annotate(Min("first_sent_at"))
        .order_by()
    )
    took = {
        payout.pk: (sent[payout.pk] - next_slot(payout.batch_type, payout.created_at)).total_seconds()
        for payout, _ in payouts
        if sent.get(payout.pk) is not None
    }

    def count() -> None:
        for payout, status in payouts:
            requests.labels(*_labels(payout, status.value)).inc()
            if status == PayoutStatus.CONFIRMED:
                # Prometheus knows nothing but floats; the books are elsewhere.
                amounts.labels(payout.router_type).inc(float(to_decimal(payout.amount)))
            if payout.pk in took:
                durations.labels(payout.router_type, status.value).observe(max(0, took[payout.pk]))

    transaction.on_commit(count, robust=True)


def _labels(payout: Payout, status: str) -> tuple[str, str, str]:
    return payout.router_type, Priority(payout.priority).label, status


class PayoutsCollector(Collector):
    """How many payouts wait, and how many ever ended so: one index's few rows, and one row an hour."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        waiting = [status for status, public in PUBLIC_STATUS.items() if public == "pending"]
        ended = PaidHour.objects.aggregate(confirmed=Sum("confirmed"), failed=Sum("failed"))
        counts = {
            "pending": Payout.objects.filter(status__in=waiting).count(),
            **{name: ended[name] or 0 for name in ("confirmed", "failed")},
        }
        for name, count in counts.items():
            yield GaugeMetricFamily(f"tron_{name}_payouts_count", f"Payouts that are {name}", value=count)
