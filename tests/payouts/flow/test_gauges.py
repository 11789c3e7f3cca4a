"""What Prometheus reads of treasury, chain, signer and of what is on its way, as it is."""

from __future__ import annotations

import math
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from lucid_payments import clock
from payouts import alarms, watching
from payouts.gauges import StateCollector
from payouts.models import Attempt, ChainState, ManualCase, SignerState
from payouts.release import release_due
from routers.metrics import RoutersCollector
from tests.payouts.flow.world import FUNDS, USDT, World


def told(name: str, /, **labels: str) -> float:
    """Not a number where nothing is said."""
    registry = CollectorRegistry()
    registry.register(StateCollector())
    found = registry.get_sample_value(name, labels)
    return math.nan if found is None else found


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_treasury_chain_and_signer_of_a_healthy_system(world: World) -> None:
    world.create(100 * USDT)
    world.settle()
    watching.poll()

    assert told("tron_treasury_usdt") == FUNDS // USDT - 100
    assert told("tron_treasury_hot_limit_usdt") == 30_000
    trx = told("tron_treasury_trx")
    assert 99_000 < trx < 100_000
    assert told("tron_treasury_energy") == 0
    assert told("tron_treasury_runway_hours", asset="usdt") == pytest.approx(24 * 499, rel=0.05)
    assert told("tron_treasury_runway_hours", asset="energy") == 0
    assert told("tron_node_operators_usable") == told("tron_node_operators_required") == 2
    assert told("tron_clock_trips") == 0
    assert told("tron_signer_locked") == 0
    for name, most in (
        ("tron_chain_read_age_seconds", 60),
        ("tron_treasury_read_age_seconds", 60),
        ("tron_signer_age_seconds", 60),
        ("tron_chain_solid_behind_seconds", 120),
        ("tron_clock_difference_seconds", 60),
    ):
        value = told(name)
        assert 0 <= value < most, name
    for name in ("tron_in_flight_count", "tron_attempt_oldest_seconds", "tron_due_oldest_seconds"):
        assert told(name) == 0, name
    assert {told("tron_manual_cases", kind=kind) for kind in ("unresolved", "paid_differently")} == {0}


def test_what_is_on_its_way_and_what_waits_gets_older(world: World) -> None:
    world.create()
    watching.poll()
    world.signer_lives()
    release_due()
    assert told("tron_in_flight_count") == 1
    world.create()
    before = told("tron_attempt_oldest_seconds")
    world.pass_by(40)

    after, waits = told("tron_attempt_oldest_seconds"), told("tron_due_oldest_seconds")
    assert after - before >= 40
    assert waits >= 40


def test_a_silent_signer_gets_older(world: World) -> None:
    SignerState.objects.update(heartbeat_at=clock.now() - timedelta(seconds=75))
    assert told("tron_signer_age_seconds") == 75


def test_a_locked_signer_a_case_and_an_alarm_show(world: World) -> None:
    SignerState.objects.update(locked_reason="its journal is another one")
    ManualCase.objects.create(kind="unknown_transfer", amount=5, sentence="gone", first_block=1)
    alarms.raise_alarm("node_quarantined", "node1 lies")

    assert told("tron_signer_locked") == 1
    assert told("tron_manual_cases", kind="unknown_transfer") == 1
    assert told("tron_alarm_raised", kind="node_quarantined") == 1
    alarms.clear(["node_quarantined"])
    assert math.isnan(told("tron_alarm_raised", kind="node_quarantined"))


def test_a_system_that_has_read_nothing_yet_says_nothing_of_it(db: None) -> None:
    ChainState.objects.update(read_at=None, treasury_read_at=None)
    assert math.isnan(told("tron_treasury_usdt"))
    assert math.isnan(told("tron_chain_read_age_seconds"))
    assert not math.isnan(told("tron_node_operators_usable"))


def test_tor_is_up_or_away_as_the_worker_found_it_or_not_used(db: None, settings: Any) -> None:
    assert math.isnan(told("lucid_tor_up"))
    settings.TOR_PROXY = "socks5h://127.0.0.1:9050"
    assert told("lucid_tor_up") == 1
    alarms.raise_alarm("tor_away", "Tor doesn't answer")
    assert told("lucid_tor_up") == 0


def test_each_node_s_lag_and_fitness_are_noted(world: World) -> None:
    watching.poll()
    assert [counted("tron_node_usable", node=f"node{i}") for i in (1, 2)] == [1, 1]
    world.devnet.fault("cut", "*", node=1)
    watching.poll()
    assert [counted("tron_node_usable", node=f"node{i}") for i in (1, 2)] == [1, 0]
    world.devnet.clear_faults()


def test_attempts_count_once_by_what_came_of_them(
    world: World, django_capture_on_commit_callbacks: Any
) -> None:
    committed = partial(django_capture_on_commit_callbacks, execute=True)
    before = {
        outcome: counted("tron_attempts_total", outcome=outcome)
        for outcome in ("succeeded", "reverted", "dead")
    }
    with committed():
        world.create()
        world.tick()
        world.devnet.force_result(Attempt.objects.get().txid, "REVERT")
        world.step(25)
    with committed():
        world.create()
        world.settle()

    after = {outcome: counted("tron_attempts_total", outcome=outcome) - before[outcome] for outcome in before}
    assert after["reverted"] == 1
    assert after["succeeded"] >= 1
    assert after["dead"] == 0


def test_a_window_s_limit_stands_beside_its_use(world: World) -> None:
    registry = CollectorRegistry()
    registry.register(RoutersCollector())
    assert registry.get_sample_value("tron_daily_limit_usdt") == 10_000
    assert registry.get_sample_value("tron_hourly_limit_usdt") == 1_000
