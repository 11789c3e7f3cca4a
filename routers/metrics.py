"""What Prometheus may know of breakers and limits, read when it asks (names of contract.md, "Metrics")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lucid_payments import clock
from lucid_payments.money import to_decimal
from routers import killswitch, limits, standing
from routers.choices import RouterType
from routers.models import GLOBAL, WindowPeriod


class RoutersCollector(Collector):
    """Gauges of the database's state: every process would say the same, whichever is asked."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        room = limits.room(clock.now())
        breaker = GaugeMetricFamily(
            "tron_circuit_breaker_open",
            "1 while payouts of the scope are stopped: error breaker, kill switch or full global window",
            labels=["scope"],
        )
        stopped = {GLOBAL: killswitch.is_pulled() or standing.full_window(room) is not None}
        stopped |= {router.value: standing.of(router, room).is_open for router in RouterType}
        for scope, is_open in {**stopped, "any": any(stopped.values())}.items():
            breaker.add_metric([scope], int(is_open))
        yield breaker
        windows = standing.windows_of(room)
        for name, period in (("daily", WindowPeriod.DAY), ("hourly", WindowPeriod.HOUR)):
            yield GaugeMetricFamily(
                f"tron_{name}_limit_usage_usdt",
                f"USDT reserved and paid in the global {name} window",
                value=float(to_decimal(windows[period].used)),
            )
            yield GaugeMetricFamily(
                f"tron_{name}_limit_usdt",
                f"USDT that the global {name} window may take, waivers included",
                value=float(to_decimal(windows[period].cap + windows[period].waived)),
            )
