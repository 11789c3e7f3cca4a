"""What Prometheus may know of payouts and of the nodes (names of contract.md, "Metrics")."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

network_latency = Histogram(
    "tron_network_latency_seconds",
    "Time of a call to a TRON node",
    ["operation"],
    buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
network_errors = Counter("tron_network_errors_total", "Failed calls to TRON nodes", ["operation"])


def observe_node_call(operation: str, node: str, seconds: float, outcome: str) -> None:
    """Told of every call by the node pool; `outcome` is "ok" or the error's code."""
    network_latency.labels(operation).observe(seconds)
    if outcome != "ok":
        network_errors.labels(operation).inc()
