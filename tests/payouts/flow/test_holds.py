"""Every reason for which a payout waits, and its way out. None uses up a retry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from lucid_payments import clock
from lucid_payments.events.models import Event
from payouts import watching
from payouts.models import Alarm, ChainState, NodeAnswer, Payout
from payouts.release import release_due
from payouts.sending import send_due
from routers import killswitch
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World, forget_process_state
from tests.policies import V0, ask_no_approvals, release_kill_switch, set_limit, set_policy


def waits(payout: Payout, reason: str) -> None:
    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason) == ("scheduled", reason)
    assert not payout.attempts.exclude(state="withdrawn").exists()


def goes(world: World, payout: Payout) -> None:
    world.settle()
    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason, payout.retries) == ("confirmed", None, 0)
    assert payout.attempts.exclude(state="withdrawn").count() == 1
    world.check()


@contextmanager
def one_alarm(kind: str) -> Iterator[None]:
    """Raised once however long the cause lasts, and over when it is."""
    yield
    alarm = Alarm.objects.get(kind=kind)
    assert alarm.cleared_at is not None
    told = Event.objects.filter(subject_type="alarm", subject_id=kind).order_by("pk")
    assert list(told.values_list("type", flat=True)) == ["alarm.raised", "alarm.cleared"]


def to_the_turn(world: World, turn: datetime) -> None:
    """A second before `turn`, then past it: slots in between stay empty."""
    world.pass_by((turn - clock.now()).total_seconds() - 1)
    assert release_due() == 0
    world.pass_by(4)


def next_hour() -> datetime:
    return clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def next_monday() -> datetime:
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - midnight.weekday())


def next_day() -> datetime:
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


@pytest.mark.parametrize(
    ("batch_type", "turn"),
    [("HOURLY", next_hour), ("DAILY", next_day), ("WEEKLY", next_monday)],
)
def test_slot_until_the_batch_s_own_time(world: World, batch_type: str, turn: Any) -> None:
    payout = world.create(batch_type=batch_type)
    world.tick()
    waits(payout, "slot")
    to_the_turn(world, turn())
    assert release_due() == 1
    goes(world, payout)


@pytest.mark.parametrize(
    ("setting", "reason", "turn"),
    [
        ("V0_HOURLY_LIMIT", "hourly_limit", next_hour),
        ("V0_DAILY_LIMIT", "daily_limit", next_day),
        ("CIRCUIT_BREAKER_HOURLY_LIMIT", "hourly_limit", next_hour),
        ("CIRCUIT_BREAKER_DAILY_LIMIT", "daily_limit", next_day),
    ],
)
def test_a_full_window_until_it_turns(world: World, setting: str, reason: str, turn: Any) -> None:
    set_limit(setting, 10 * USDT)
    fits, too_much = world.create(6 * USDT), world.create(6 * USDT)
    exact = world.create(4 * USDT)
    world.tick()
    waits(too_much, reason)
    world.run(5)
    assert set(Payout.objects.filter(status="confirmed")) == {fits, exact}, "10.00 fits a cap of 10"
    waits(too_much, reason)
    to_the_turn(world, turn())
    assert release_due() == 1
    goes(world, too_much)


def test_in_flight_until_one_before_is_in_a_block(world: World) -> None:
    set_policy(in_flight=1)
    first, second = world.create(), world.create()
    world.tick()
    waits(second, "in_flight")
    world.step(1)
    assert release_due() == 1
    assert first.attempts.get().state == "included"
    goes(world, second)


def test_kill_switch_until_it_is_released(world: World) -> None:
    """Nothing is released, signed or broadcast, not even again; what is on chain is watched to its end."""
    sent = world.create()
    world.tick()
    signed = world.create()
    release_due()
    world.signer_lives()
    prepared = world.create()
    release_due()
    killswitch.pull(actor=None, reason="Something smells.")
    waiting = accepted_just_before(world)
    answers = NodeAnswer.objects.count()
    world.devnet.step(blocks=10)
    world.tick()
    assert send_due() == 0
    assert NodeAnswer.objects.count() == answers
    waits(waiting, "kill_switch")
    assert prepared.attempts.get().state == "prepared"
    assert signed.attempts.get().state == "signed"
    world.step(10)
    sent.refresh_from_db()
    assert sent.status == "confirmed"
    release_kill_switch("All is well.")
    for payout in (waiting, signed, prepared):
        goes(world, payout)


def accepted_just_before(world: World) -> Payout:
    """A payout that was accepted just before the kill switch was pulled."""
    return Payout.objects.create(
        creator=world.service, recipient_address=RECIPIENTS[1], amount=USDT, router_type="PayoutRouterV0"
    )


def test_treasury_usdt_until_it_is_topped_up(world: World, settings: Any) -> None:
    most = 2 * FUNDS
    set_policy(hourly_limit=most, daily_limit=most, creator_limits={})
    set_policy(V0, hourly_limit=most, daily_limit=most, payout_maximum=most, recipient_limit=most)
    settings.SIGNER_DAILY_CAP = settings.SIGNER_HOURLY_CAP = 2 * FUNDS
    forget_process_state()
    ask_no_approvals("service")
    paid = [world.create(10_000 * USDT, to=RECIPIENTS[n % 4]) for n in range(5)]
    short = world.create(USDT)
    world.tick()
    waits(short, "treasury_usdt")
    world.run(8)
    assert Payout.objects.filter(status="confirmed").count() == len(paid)
    waits(short, "treasury_usdt")
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=USDT, mine=True)
    assert Alarm.objects.filter(kind="treasury_usdt", cleared_at=None).count() == 1
    world.settle()
    short.refresh_from_db()
    assert (short.status, short.retries) == ("confirmed", 0)
    assert not Alarm.objects.filter(kind="treasury_usdt", cleared_at=None).exists()


def test_a_payout_above_the_treasurys_funds_doesnt_stop_a_smaller_one(world: World) -> None:
    chain_state = ChainState.objects.filter(pk=1)
    world.pass_by(15)
    large = world.create(9 * USDT)
    small = world.create(2 * USDT, to=RECIPIENTS[1])
    watching.poll()
    world.signer_lives()
    chain_state.update(treasury_usdt=7 * USDT)
    release_due()
    large.refresh_from_db()
    small.refresh_from_db()
    assert (large.status, large.hold_reason) == ("scheduled", "treasury_usdt")
    assert small.status == "released"


def test_treasury_trx_while_the_fee_would_be_above_our_cap(world: World) -> None:
    world.devnet.parameters(getEnergyFee=1_000)
    forget_process_state()
    payout = world.create()
    world.tick()
    waits(payout, "treasury_trx")
    world.devnet.parameters(getEnergyFee=100)
    forget_process_state()
    goes(world, payout)


def test_treasury_trx_while_there_is_too_little_to_burn(world: World) -> None:
    world.devnet.fault("patch", "wallet/getaccount", patch={"balance": 5 * USDT})
    world.pass_by(15)
    payout, other = world.create(), world.create(to=RECIPIENTS[1])
    world.tick()
    waits(payout, "treasury_trx")
    waits(other, "treasury_trx")
    assert Alarm.objects.filter(kind="treasury_trx", cleared_at=None).count() == 1
    world.devnet.clear_faults()
    world.pass_by(15)
    goes(world, payout)
    assert not Alarm.objects.filter(kind="treasury_trx", cleared_at=None).exists()


@pytest.mark.parametrize(
    ("on", "off"),
    [
        ({"paused": True}, {"paused": False}),
        ({"basis_points_rate": 10, "maximum_fee": 10 * USDT}, {"basis_points_rate": 0}),
        ({"deprecated": True}, {"deprecated": False}),
        ({"blacklist": ["treasury"]}, {"unblacklist": ["treasury"]}),
    ],
    ids=["paused", "fee", "deprecated", "treasury_frozen"],
)
def test_token_paused_while_usdt_can_t_be_sent_as_it_is(
    world: World, on: dict[str, Any], off: dict[str, Any]
) -> None:
    def switch(values: dict[str, Any]) -> None:
        world.devnet.token(
            **{
                name: [settings.TREASURY_ADDRESS] if value == ["treasury"] else value
                for name, value in values.items()
            }
        )
        world.pass_by(30)

    switch(on)
    payout = world.create()
    with one_alarm("token_paused"):
        for _ in range(3):
            world.run(1)
            waits(payout, "token_paused")
        switch(off)
        goes(world, payout)


def test_screening_until_the_recipient_is_no_longer_frozen(world: World) -> None:
    """Only the recipient's own payouts wait."""
    world.devnet.token(blacklist=[RECIPIENTS[0]])
    frozen, other = world.create(), world.create(to=RECIPIENTS[1])
    world.tick()
    waits(frozen, "screening")
    world.devnet.reset_calls()
    world.run(2)
    waits(frozen, "screening")
    other.refresh_from_db()
    assert other.attempts.count() == 1
    world.devnet.token(unblacklist=[RECIPIENTS[0]])
    world.pass_by(600)
    goes(world, frozen)


def test_signer_that_is_away_and_what_it_left_prepared_is_taken_back(world: World) -> None:
    payout = world.create()
    assert release_due() == 1
    with one_alarm("signer"):
        for _ in range(5):
            world.devnet.step(blocks=10)
            watching.poll()
            release_due()
        attempt = payout.attempts.get()
        assert attempt.state == "withdrawn"
        world.check()
        world.devnet.step(blocks=20)
        watching.poll()
        release_due()
        waits(payout, "signer")
        goes(world, payout)


def test_signer_that_comes_late_refuses_what_has_little_life_left(world: World) -> None:
    payout = world.create()
    assert release_due() == 1
    world.devnet.step(blocks=31)
    watching.poll()
    assert world.signer_lives() == 0
    assert payout.attempts.get().state == "withdrawn"
    waits(payout, "signer")
    goes(world, payout)


def test_clock_while_ours_and_the_chain_s_differ(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    payout = world.create()
    monkeypatch.setattr("payouts.devnet_clock.follow", lambda: None)
    with one_alarm("clock"):
        clock.freeze(clock.now() + timedelta(seconds=61))
        for _ in range(3):
            watching.poll()
            world.signer_lives()
        assert release_due() == 0
        waits(payout, "clock")
        monkeypatch.undo()
        clock.freeze(clock.from_ms(world.devnet.now_ms()))
        world.step(30)
        world.signer_lives()
        goes(world, payout)


def test_nodes_that_are_away_for_an_hour(world: World) -> None:
    payout = world.create()
    with one_alarm("nodes"):
        world.devnet.fault("cut", "*")
        for _ in range(3):
            world.devnet.step(seconds=1200)
            world.tick()
            waits(payout, "nodes")
        world.devnet.clear_faults()
        goes(world, payout)


@pytest.mark.parametrize("node", [0, 1])
def test_one_node_away_holds_because_nothing_could_be_confirmed(world: World, node: int) -> None:
    payout = world.create()
    world.devnet.fault("cut", "*", node=node)
    world.run(2)
    waits(payout, "nodes")
    world.devnet.clear_faults()
    goes(world, payout)


def test_a_lagging_node_is_like_one_that_is_away(world: World) -> None:
    world.devnet.step(blocks=60)
    world.devnet.lag(1, 50)
    payout = world.create()
    world.run(2)
    waits(payout, "nodes")
    world.devnet.lag(1, 0)
    goes(world, payout)


def test_a_recipient_frozen_after_its_release_is_not_signed_for_on_an_old_answer(world: World) -> None:
    """The signer takes no blacklist answer older than a minute."""
    payout = world.create()
    assert release_due() == 1
    world.devnet.token(blacklist=[RECIPIENTS[0]])
    world.devnet.step(blocks=21)
    watching.poll()
    assert world.signer_lives() == 0
    assert payout.attempts.get().state == "withdrawn"
    world.pass_by(30)
    release_due()
    waits(payout, "screening")
