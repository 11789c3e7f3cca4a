"""What the treasury page's figures stand on: hours that say what payouts and attempts say, and the two alarms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from lucid_payments import clock
from payouts import ledger, paid, runway, watching
from payouts.models import Alarm, Attempt, ChainState, PaidHour, Payout
from payouts.paid import Paid
from payouts.release import release_due
from payouts.runway import Runway
from payouts.sending import send_due
from payouts.settlement import Outcome, succeed
from tests.payouts.flow.world import RECIPIENTS, USDT, World
from tests.policies import set_policy

DAY = timedelta(days=1)


def last_day() -> Paid:
    return paid.last((DAY,), clock.now())[0]


def raised(kind: str) -> bool:
    return Alarm.objects.filter(kind=kind, cleared_at=None).exists()


def test_the_hours_say_what_payouts_and_attempts_say(world: World) -> None:
    for i in range(6):
        world.create((i + 1) * USDT, to=RECIPIENTS[i % 4])
    world.settle()

    confirmed = Payout.objects.filter(status="confirmed")
    costs = Attempt.objects.filter(fee__isnull=False).aggregate(
        fee=Sum("fee"), energy=Sum("energy_used"), bandwidth=Sum("bandwidth_used")
    )
    spent = last_day()
    assert (spent.confirmed, spent.failed, spent.transactions) == (6, 0, 6)
    assert spent.amount == sum(confirmed.values_list("amount", flat=True)) == 21 * USDT
    assert {name: getattr(spent, name) for name in costs} == costs
    assert spent.each(spent.fee) == costs["fee"] // 6


def test_a_settlement_told_twice_counts_once(world: World) -> None:
    payout = world.create()
    world.settle()
    attempt = payout.attempts.get()
    before = list(PaidHour.objects.values())
    facts: dict[str, Any] = {
        "block_number": attempt.block_number, "block_id": attempt.block_id, "block_time_ms": 1,
        "result": "SUCCESS", "fee": 1, "energy_used": 1, "bandwidth_used": 1,
    }  # fmt: skip

    assert succeed([Outcome(attempt_pk=attempt.pk, **facts)]) == 0
    assert list(PaidHour.objects.values()) == before


def test_an_existing_database_gets_its_hours_by_the_migration(world: World) -> None:
    from importlib import import_module

    fill = import_module("payouts.migrations.0010_treasury").FILL
    for amount in (3, 4):
        world.create(amount * USDT)
        world.settle()
        world.pass_by(3600)
    kept = list(PaidHour.objects.values())
    assert len(kept) >= 2
    PaidHour.objects.all().delete()

    with connection.cursor() as cursor:
        cursor.execute(fill)

    assert list(PaidHour.objects.values()) == kept


def test_the_runway_is_the_free_usdt_at_the_last_day_s_pace(world: World) -> None:
    world.create(100 * USDT)
    world.settle()
    world.pass_by(15)
    now, state = clock.now(), ChainState.objects.get()

    left = Runway.of(state, ledger.treasury_balance(), now)

    seconds = int((now - (now - DAY).replace(minute=0, second=0, microsecond=0)).total_seconds())
    assert left.usdt == 49_900 * USDT
    assert left.usdt_hours == left.usdt * seconds // (100 * USDT) // 3600
    assert left.cost is not None
    fee = Attempt.objects.get().fee
    assert left.cost.fee == fee
    assert left.trx_payouts == state.treasury_trx // (fee or 1)
    assert not left.is_low
    world.pass_by(26 * 3600)
    later = Runway.of(ChainState.objects.get(), ledger.treasury_balance(), clock.now())
    assert later.hours is None, "nothing was paid in the last day"
    assert later.cost is not None, "what a payout costs is known from the week"


def test_a_hot_balance_above_three_days_limits_raises_an_alarm_and_ends_it(world: World) -> None:
    world.step(5)
    alarm = Alarm.objects.get(kind=runway.HOT, cleared_at=None)
    assert "50,000.00 USDT, more than 3 times the daily limit (30,000.00)" in alarm.detail
    set_policy("global", daily_limit=16_667 * USDT)

    world.step(5)

    assert not raised(runway.HOT)


def test_a_low_runway_raises_an_alarm_and_a_top_up_ends_it(world: World, settings: Any) -> None:
    world.create(100 * USDT)
    world.settle()
    settings.RUNWAY_ALARM_HOURS = 720
    world.step(5)
    assert not raised(runway.LOW)
    PaidHour.objects.update(amount=2_000 * USDT)

    world.step(5)

    alarm = Alarm.objects.get(kind=runway.LOW, cleared_at=None)
    assert "runs out of USDT in 6" in alarm.detail
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=50_000 * USDT, mine=True)
    world.step(5)
    assert raised(runway.LOW), "seen, and not booked yet"
    world.step(21)
    world.step(5)
    assert not raised(runway.LOW)


def test_a_top_up_is_seen_at_once_and_booked_after_twenty_final_blocks(world: World) -> None:
    world.step(5)
    books = ledger.treasury_balance().posted
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT, mine=True)

    world.step(5)
    state = ChainState.objects.get()
    assert (state.inflow, ledger.treasury_balance().posted) == (7 * USDT, books)
    seen_at = state.inflow_since
    while ledger.treasury_balance().posted == books:
        assert ChainState.objects.get().solid_number < seen_at + 20 + 5
        world.step(5)

    assert ledger.treasury_balance().posted == books + 7 * USDT
    assert watching.poll()
    assert ChainState.objects.get().inflow == 0


def test_what_failed_attempts_burn_counts_and_the_failure_too(world: World) -> None:
    payout = world.create()
    Payout.objects.filter(pk=payout.pk).update(retries=3)
    assert release_due() == 1
    world.signer_lives()
    world.devnet.force_result(payout.attempts.get().txid, "OUT_OF_ENERGY")
    send_due()
    world.step(20)

    spent = last_day()
    payout.refresh_from_db()
    assert (payout.status, spent.failed, spent.confirmed, spent.transactions) == ("failed", 1, 0, 1)
    assert spent.fee == payout.attempts.get().fee
    assert spent.fee > 0
    assert spent.each(spent.fee) is None
