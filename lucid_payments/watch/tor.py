"""Whether Tor's SOCKS port takes connections, where calls go through Tor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lucid_payments.api.health import tor_status
from lucid_payments.api.health_checks import DISABLED, HEALTHY


class TorCollector(Collector):
    """Without TOR_PROXY nothing is said."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not connect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        status = tor_status()
        if status != DISABLED:
            yield GaugeMetricFamily(
                "lucid_tor_up", "1 while Tor's SOCKS port takes connections", value=int(status == HEALTHY)
            )
