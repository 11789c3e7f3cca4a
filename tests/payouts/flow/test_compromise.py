"""The drill: somebody may have the key. One command stops everything, ends all access and brings the money home."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from lucid_payments import clock
from payouts import chain, gates, ledger, signer, watching
from payouts.models import Attempt, SweepTransfer
from payouts.models.chain import Alarm
from payouts.release import release_due
from routers import killswitch
from tests.payouts.admin.world import code_of, user
from tests.payouts.flow.test_gauges import told as runway_told
from tests.payouts.flow.test_sweep import COLD, TRX_FUNDS, begin, fix_destination, go_on, held, turn
from tests.payouts.flow.world import FUNDS, USDT, World
from tests.policies import release_kill_switch


@pytest.fixture(autouse=True)
def ann(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fix_destination()
    someone = user("admin", name="ann")
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", lambda question: code_of(someone))


def declare(**options: Any) -> str:
    out = io.StringIO()
    call_command(
        "treasury", "compromise", stdout=out, actor="ann", reason="the drill of this year", **options
    )
    return out.getvalue()


def test_one_command_stops_everything_and_brings_all_of_it_home(world: World, settings: Any) -> None:
    """With a payout in flight, the caps used up, and the kill switch pulled before."""
    payout = world.create()
    world.tick()
    assert Attempt.objects.get().state == "sent"
    settings.SIGNER_DAILY_CAP = settings.SIGNER_HOURLY_CAP = 1
    killswitch.pull(actor=None, reason="somebody saw it first")
    assert "[ ] Keep disk, logs and memory" in declare()

    go_on(world)
    payout.refresh_from_db()
    assert payout.status == "confirmed", "what was on its way before has landed"
    assert world.devnet.balances(COLD)["usdt"] == FUNDS - 5 * USDT == held(ledger.SWEPT)
    at_home, left = (world.devnet.balances(who)["trx_sun"] for who in (COLD, settings.TREASURY_ADDRESS))
    assert at_home + held(ledger.FEES) + left == TRX_FUNDS
    assert world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"] == 0
    assert killswitch.is_pulled()
    told = Alarm.objects.filter(cleared_at=None).values_list("detail", flat=True)
    assert [sentence for sentence in told if "op it up" in sentence] == [], "a thief would take that"


def test_a_sweep_that_was_asked_for_becomes_one_of_a_key_that_others_know(world: World) -> None:
    """Begun by two for another reason; from the declaration on it is what the declaration makes of it."""
    world.create()
    world.settle()
    watching.poll()
    assert not math.isnan(runway_told("tron_treasury_runway_hours", asset="usdt"))
    begin()
    payout = world.create()
    declare()
    go_on(world)
    assert list(SweepTransfer.objects.order_by("pk").values_list("currency", "state")) == [
        ("USDT", "succeeded"), ("TRX", "succeeded"),
    ]  # fmt: skip
    release_kill_switch()
    turn(world)
    world.signer_lives()
    release_due()
    payout.refresh_from_db()
    assert (payout.status, payout.hold_reason) == ("scheduled", "signer")
    shut = gates.closed(chain.state(), clock.now())
    assert shut is not None
    assert "may be known to others since" in shut.sentence
    told = dict(Alarm.objects.filter(cleared_at=None).values_list("kind", "detail"))
    assert "may be known to others since" in told["treasury_compromised"]
    assert [sentence for sentence in told.values() if "op it up" in sentence] == []
    assert math.isnan(runway_told("tron_treasury_runway_hours", asset="usdt")), (
        "an alert would ask for a top-up"
    )


def test_the_key_pays_nobody_any_more_though_the_kill_switch_is_released(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who owns the database can release it there, and hide what was declared; the signer goes by its file."""
    declare()
    go_on(world)
    release_kill_switch()
    monkeypatch.setattr("payouts.sweeps.compromised.known", lambda address: None)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=100 * USDT, trx_sun=100 * USDT, mine=True)
    for _ in range(3):
        turn(world)
    payout = world.create()
    world.tick()
    payout.refresh_from_db()
    assert payout.status == "scheduled"
    assert payout.transitions.filter(detail__contains="retired").exists()
    assert set(Attempt.objects.values_list("state", flat=True)) == {"withdrawn"}
    assert {entry.recipient for entry in signer.journal().entries()} == {COLD}
