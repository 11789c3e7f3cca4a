"""The drill: somebody may have the key. One command stops everything, ends all access and brings the money home."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from payouts import ledger, signer
from payouts.models import Attempt
from payouts.models.chain import Alarm
from routers import killswitch
from tests.payouts.admin.world import code_of, user
from tests.payouts.flow.test_sweep import COLD, TRX_FUNDS, fix_destination, go_on, held, turn
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


def test_the_key_pays_nobody_any_more_though_the_kill_switch_is_released(world: World) -> None:
    """Somebody who owns the database can release it there; the signer goes by its own file."""
    declare()
    go_on(world)
    release_kill_switch()
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
