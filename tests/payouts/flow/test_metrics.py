"""What Prometheus is told of payouts is what became of them: counted once each, and nothing that was rolled back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from prometheus_client import REGISTRY, CollectorRegistry

from lucid_payments import clock
from payouts.metrics import PayoutsCollector
from payouts.models import Payout
from routers.metrics import RoutersCollector
from tests.api_client import ApiClient
from tests.payouts.flow.world import RECIPIENTS, USDT, World
from tests.policies import KYC, V0, set_limit

ORDER = {"recipient_address": RECIPIENTS[0], "amount_usdt": 5.5, "reason": "work"}
DURATION = "tron_payout_processing_duration_seconds"


Committed = Callable[[], AbstractContextManager[Any]]


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Committed:
    """Around what a test does in its own transaction: what waits for the commit is done at the end of the block."""
    return partial(django_capture_on_commit_callbacks, execute=True)


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Any) -> None:
    settings.RATE_LIMIT_FACTOR = 1000


class Counted:
    """How much each counter has grown since this was made: counters of one process never go back."""

    def __init__(self) -> None:
        self._before = self._now()

    def requests(self, status: str, *, router: str = V0, priority: str = "NORMAL") -> float:
        labels = {"router_type": router, "priority": priority, "status": status}
        return self.of("tron_payment_requests_total", **labels)

    def of(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return self._now().get(key, 0) - self._before.get(key, 0)

    @staticmethod
    def _now() -> dict[tuple[str, frozenset[Any]], float]:
        families = REGISTRY.collect()
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            if family.name.startswith("tron_")
            for sample in family.samples
        }


def gauges() -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(PayoutsCollector())
    return {sample.name: sample.value for family in registry.collect() for sample in family.samples}


def test_a_payout_counts_when_it_comes_and_when_it_ends(committed_world: World) -> None:
    world, counted = committed_world, Counted()
    answer = ApiClient(world.service).post("/payouts", {**ORDER, "priority": "HIGH"})
    assert answer.status == 201
    assert counted.requests("success", priority="HIGH") == 1
    assert gauges() == {"tron_pending_payouts_count": 1, "tron_confirmed_payouts_count": 0,
                        "tron_failed_payouts_count": 0}  # fmt: skip
    world.settle()

    assert Payout.objects.get().status == "confirmed"
    assert counted.requests("confirmed", priority="HIGH") == 1
    assert counted.requests("failed", priority="HIGH") == 0
    assert counted.of("tron_payout_amount_usdt_total", router_type=V0) == pytest.approx(5.5)
    assert gauges()["tron_confirmed_payouts_count"] == 1
    assert gauges()["tron_pending_payouts_count"] == 0
    usage = CollectorRegistry()
    usage.register(RoutersCollector())
    assert usage.get_sample_value("tron_hourly_limit_usage_usdt") == 5.5
    assert usage.get_sample_value("tron_daily_limit_usage_usdt") == 5.5


def test_processing_takes_from_acceptance_to_the_first_broadcast(world: World, committed: Committed) -> None:
    counted = Counted()
    with committed():
        payout = world.create()
        world.pass_by(33)
        world.settle()

    sent = payout.attempts.get().first_sent_at
    assert sent is not None
    took = (sent - payout.created_at).total_seconds()
    assert took >= 33
    labels = {"router_type": V0, "status": "confirmed"}
    assert counted.of(f"{DURATION}_sum", **labels) == pytest.approx(took)
    assert counted.of(f"{DURATION}_count", **labels) == 1
    assert counted.of(f"{DURATION}_bucket", le="30.0", **labels) == 0


def test_a_slot_s_wait_is_no_slowness(world: World, committed: Committed) -> None:
    counted = Counted()
    with committed():
        payout = world.create(batch_type="HOURLY")
        world.pass_by((payout.due_at - clock.now()).total_seconds() + 3)
        world.settle()

    labels = {"router_type": V0, "status": "confirmed"}
    assert counted.of(f"{DURATION}_count", **labels) == 1
    assert counted.of(f"{DURATION}_sum", **labels) < 120


def test_a_payout_that_fails_counts_as_failed_and_pays_nothing(world: World, committed: Committed) -> None:
    counted = Counted()
    with committed():
        payout = world.create()
        Payout.objects.filter(pk=payout.pk).update(retries=3)
        world.tick()
        world.devnet.force_result(payout.attempts.get().txid, "REVERT")
        world.step(25)

    assert counted.requests("failed") == 1
    assert counted.requests("confirmed") == 0
    assert counted.of("tron_payout_amount_usdt_total", router_type=V0) == 0
    assert counted.of(f"{DURATION}_count", router_type=V0, status="failed") == 1
    assert gauges()["tron_failed_payouts_count"] == 1


def test_what_is_rolled_back_never_counts(world: World, committed: Committed) -> None:
    counted = Counted()
    with committed(), transaction.atomic():
        world.create()
        transaction.set_rollback(True)

    assert counted.requests("success") == 0
    assert Payout.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "router", "priority"),
    [
        ({"amount_usdt": -1}, "unknown", "NORMAL"),
        ({"recipient_address": "T"}, "unknown", "NORMAL"),
        ({"router_type": V0, "priority": "LOW", "amount_usdt": 9999}, V0, "LOW"),
        ({"router_type": KYC}, KYC, "NORMAL"),
        ({"router_type": ["x"], "priority": {"y": 1}}, "unknown", "unknown"),
        ({"router_type": "x" * 500}, "unknown", "NORMAL"),
    ],
)
def test_a_refusal_counts_as_an_error(
    world: World, changes: dict[str, Any], router: str, priority: str
) -> None:
    counted = Counted()
    answer = ApiClient(world.service).post("/payouts", {**ORDER, **changes})

    assert answer.status == 400
    assert counted.requests("error", router=router, priority=priority) == 1
    assert counted.requests("success") == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_can_t_be_read_counts_as_an_error_too(world: World, body: bytes) -> None:
    counted = Counted()
    assert ApiClient(world.service).post("/payouts", body).status == 400
    assert counted.requests("error", router="unknown") == 1


def test_an_answer_given_again_doesn_t_count_again(world: World, committed: Committed) -> None:
    counted, caller = Counted(), ApiClient(world.service)
    for _ in range(3):
        with committed():
            assert caller.post("/payouts", ORDER, {"Idempotency-Key": "once"}).status == 201

    assert counted.requests("success") == 1
    other = caller.post("/payouts", {**ORDER, "amount_usdt": 6}, {"Idempotency-Key": "once"})
    assert other.status == 409
    assert counted.requests("error", router="unknown") == 1


def test_a_full_hour_shows_in_the_gauges(world: World) -> None:
    set_limit("CIRCUIT_BREAKER_HOURLY_LIMIT", 5 * USDT)
    world.create(5 * USDT)
    world.settle()

    registry = CollectorRegistry()
    registry.register(RoutersCollector())
    assert registry.get_sample_value("tron_hourly_limit_usage_usdt") == 5
    assert registry.get_sample_value("tron_circuit_breaker_open", {"scope": "any"}) == 1
