"""The breaker and the kill switch in the running system: what is held, what goes as a probe, what stops at once."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections

from lucid_payments import clock
from lucid_payments.api.errors import BreakerOpen
from payouts.manager import PayoutManager
from payouts.models import Attempt, NodeAnswer, Payout
from payouts.order import PayoutOrder
from payouts.release import release_due
from payouts.sending import CHUNK, send_due
from routers import breakers, killswitch
from routers.models import Breaker
from tests.payouts.flow.world import RECIPIENTS, USDT, World
from tests.policies import V0, administrators, set_policy


def state() -> str:
    return Breaker.objects.get(scope=V0).state


def fail_three_times(world: World) -> None:
    """Three payouts revert in one block; each waits for its retry then."""
    for n in range(3):
        world.create(USDT, to=RECIPIENTS[n])
    release_due()
    world.signer_lives()
    for attempt in Payout.objects.values_list("attempts__txid", flat=True):
        world.devnet.force_result(attempt, "REVERT")
    send_due()
    world.step(20)


def forget_failures() -> None:
    """What failed above would be due again among what a test looks at."""
    for payout in Payout.objects.filter(hold_reason="retry"):
        PayoutManager.cancel(payout, actor=administrators()[0], reason="not this test's")


def test_failures_open_it_new_orders_are_refused_and_our_own_are_held(world: World) -> None:
    fail_three_times(world)
    assert state() == "open"
    with pytest.raises(BreakerOpen) as refused:
        world.create()
    assert refused.value.details == {"reason": "consecutive_failures", "router_type": V0}
    assert refused.value.retry_after is not None
    assert 240 <= refused.value.retry_after <= 301
    order = PayoutOrder(recipient_address=RECIPIENTS[0], amount=USDT, reason="a run")
    own = PayoutManager.create(creator=world.service, order=order, hold_while_open=True)
    world.tick()
    own.refresh_from_db()
    assert (own.status, own.hold_reason) == ("scheduled", "breaker")


def test_what_is_signed_runs_to_its_end_and_what_isn_t_is_taken_back(world: World) -> None:
    signed = world.create()
    release_due()
    world.signer_lives()
    prepared = world.create(to=RECIPIENTS[1])
    release_due()
    breakers.open_by_hand(V0, actor=administrators()[0], reason="drill")
    assert release_due() == 0
    world.tick()
    world.step(20)
    for payout, status, reason in ((signed, "confirmed", None), (prepared, "scheduled", "breaker")):
        payout.refresh_from_db()
        assert (payout.status, payout.hold_reason) == (status, reason)


@pytest.mark.parametrize(
    ("amounts", "first"),
    [((60, 49, 3, 40), 49), ((90, 60, 80, 70), 60)],
    ids=["the next one of at most 50", "the smallest where none is that small"],
)
def test_three_probes_go_one_at_a_time_and_then_all(
    world: World, amounts: tuple[int, ...], first: int
) -> None:
    set_policy(V0, hourly_limit=1_000 * USDT, recipient_limit=1_000 * USDT)
    waiting = [world.create(amount * USDT, to=RECIPIENTS[n]) for n, amount in enumerate(amounts)]
    Payout.objects.update(due_at=clock.now() + timedelta(hours=5))
    fail_three_times(world)
    forget_failures()
    Payout.objects.filter(pk__in=[payout.pk for payout in waiting]).update(due_at=clock.now())
    world.pass_by(301)
    sent = []
    for probe in range(3):
        world.tick()
        world.tick()
        assert state() == "half_open"
        (going,) = Payout.objects.filter(status="sent")
        assert Payout.objects.filter(hold_reason="breaker").count() == 3 - probe
        sent.append(going.amount // USDT)
        world.step(20)
    assert sent[0] == first
    assert state() == "closed"
    world.settle()
    assert Payout.objects.filter(status="confirmed").count() == 4


def test_a_router_s_kill_switch_stops_its_payouts_and_broadcasts(world: World) -> None:
    payout = world.create()
    release_due()
    world.signer_lives()
    killswitch.pull(actor=administrators()[0], reason="drill", scope=V0)
    assert send_due() == 0
    prepared = Payout.objects.create(
        creator=world.service, recipient_address=RECIPIENTS[1], amount=USDT, router_type=V0
    )
    world.tick()
    assert not NodeAnswer.objects.exists()
    for waits, status, reason in ((payout, "released", None), (prepared, "scheduled", "kill_switch")):
        waits.refresh_from_db()
        assert (waits.status, waits.hold_reason) == (status, reason)
    with pytest.raises(BreakerOpen):
        world.create()


@pytest.mark.alone
def test_the_kill_switch_stops_a_running_broadcast_within_a_second(committed_world: World) -> None:
    """On the real clock: a sender is at work on many attempts when somebody pulls."""
    world = committed_world
    set_policy(in_flight=500)
    set_policy(V0, in_flight=500)
    for n in range(160):
        world.create(USDT, to=RECIPIENTS[n % 4])
    while release_due():
        pass
    world.signer_lives()
    world.devnet.fault("delay", "wallet/broadcasthex", seconds=0.25)
    sender = threading.Thread(target=send_and_close)
    sender.start()
    while not NodeAnswer.objects.exists():
        time.sleep(0.02)
    killswitch.pull(actor=None, reason="drill")
    pulled = time.monotonic()
    begun = Attempt.objects.filter(sends__gt=0).count()
    sender.join(timeout=30)
    stopped = time.monotonic() - pulled
    assert not sender.is_alive()
    sent = NodeAnswer.objects.values("attempt").distinct().count()
    assert stopped < 1
    assert 0 < sent <= begun + CHUNK < 160, "at most the chunk that was being taken as somebody pulled"
    assert send_due() == 0


def send_and_close() -> None:
    try:
        send_due()
    finally:
        connections.close_all()
