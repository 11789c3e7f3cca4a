"""The gauges that alerts are made of."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from lucid_payments import clock
from routers import breakers, killswitch, limits
from routers.metrics import RoutersCollector
from routers.models import LimitWindow
from tests.policies import KYC, V0, administrators

pytestmark = pytest.mark.django_db


def gauges() -> dict[str, float | None]:
    registry = CollectorRegistry()
    registry.register(RoutersCollector())
    name = "tron_circuit_breaker_open"
    return {scope: registry.get_sample_value(name, {"scope": scope}) for scope in ("global", V0, KYC, "any")}


def test_all_are_closed_at_first() -> None:
    assert gauges() == {"global": 0, V0: 0, KYC: 0, "any": 0}


def test_an_open_breaker_shows_in_its_scope_and_in_any() -> None:
    breakers.open_by_hand(V0, actor=administrators()[0], reason="drill")
    assert gauges() == {"global": 0, V0: 1, KYC: 0, "any": 1}


def test_the_kill_switch_shows_everywhere() -> None:
    killswitch.pull(actor=None, reason="drill")
    assert gauges() == {"global": 1, V0: 1, KYC: 1, "any": 1}


def test_usage_is_what_is_reserved_and_paid_and_a_full_window_is_open() -> None:
    clock.freeze(clock.now())
    starts = limits.starts_of(clock.now())
    for period in ("hour", "day"):
        LimitWindow.objects.create(
            scope="global",
            period=period,
            starts_at=starts[period],
            cap=1,
            posted=999_500_000,
            reserved=500_000,
        )
    registry = CollectorRegistry()
    registry.register(RoutersCollector())
    assert registry.get_sample_value("tron_daily_limit_usage_usdt") == 1000
    assert registry.get_sample_value("tron_hourly_limit_usage_usdt") == 1000
    assert gauges()["global"] == 1, "the hour of 1,000 is full"
