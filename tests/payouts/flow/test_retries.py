"""An attempt that didn't pay is made anew at most three times, and gives everything back each time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from lucid_payments import clock
from payouts import ledger
from payouts.models import Attempt, LedgerAccount, LedgerTransfer, Payout
from payouts.release import release_due
from payouts.schedule import MAXIMUM_RETRIES
from payouts.sending import send_due
from routers.breakers import rules
from routers.models import LimitWindow
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World

pytestmark = pytest.mark.usefixtures("patient_breaker")

PAID_ONCE = {(RECIPIENTS[0], 5 * USDT): 1}


@pytest.fixture
def patient_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would open at the third failure in a row, and has tests of its own."""
    monkeypatch.setattr(rules, "CONSECUTIVE", 100)


def try_once(world: World, payout: Payout, result: str | None) -> Attempt:
    """One more attempt, with this result in a solid block."""
    assert release_due() == 1
    assert world.signer_lives() == 1
    attempt: Attempt = payout.attempts.latest("number")
    if result is not None:
        world.devnet.force_result(attempt.txid, result)
    send_due()
    world.step(20)
    payout.refresh_from_db()
    attempt.refresh_from_db()
    return attempt


def wait_for_the_pause(world: World, payout: Payout) -> None:
    pause = (payout.due_at - clock.now()).total_seconds()
    world.pass_by(pause - 3)
    assert release_due() == 0, "not before the pause is over"
    world.pass_by(3)


def burned(attempts: list[Attempt]) -> int:
    return sum(attempt.fee or 0 for attempt in attempts)


@pytest.mark.parametrize("result", ["REVERT", "OUT_OF_ENERGY"])
def test_after_three_retries_a_payout_has_failed_for_good(world: World, result: str) -> None:
    trx = world.devnet.balances(settings.TREASURY_ADDRESS)["trx_sun"]
    payout = world.create()
    attempts = []
    for number in range(1, MAXIMUM_RETRIES + 2):
        attempt = try_once(world, payout, result)
        attempts.append(attempt)
        assert (attempt.number, attempt.state, attempt.result) == (number, "reverted", result)
        world.check()
        if number <= MAXIMUM_RETRIES:
            assert (payout.status, payout.hold_reason, payout.retries) == ("scheduled", "retry", number)
            pause = settings.RETRY_BASE_SECONDS * 2 ** (number - 1)
            assert payout.due_at >= clock.now() + timedelta(seconds=pause)
            wait_for_the_pause(world, payout)
    assert (payout.status, payout.failure_code) == ("failed", "LUCID_ERR_2008")
    assert payout.failure_message is not None
    assert payout.failure_message.startswith(f"Transaction failed: {result}")
    assert payout.failure_message.endswith("(4 attempts)")
    assert world.paid() == {}
    assert ledger.treasury_balance() == ledger.Balance(posted=FUNDS, pending_out=0)
    assert not LimitWindow.objects.exclude(reserved=0, posted=0).exists()
    spent = trx - world.devnet.balances(settings.TREASURY_ADDRESS)["trx_sun"]
    assert spent == burned(attempts) == LedgerAccount.objects.get(name="fees").debits_posted
    world.run(4, blocks=40)
    assert payout.attempts.count() == 4


def test_a_payout_never_included_fails_as_the_network_s_error(world: World) -> None:
    world.devnet.fault("hold", "wallet/broadcasthex")
    payout = world.create()
    for number in range(1, MAXIMUM_RETRIES + 2):
        world.tick()
        world.expire()
        payout.refresh_from_db()
        assert payout.attempts.get(number=number).state == "dead"
        world.check()
        if number <= MAXIMUM_RETRIES:
            world.pass_by((payout.due_at - clock.now()).total_seconds())
    assert (payout.status, payout.failure_code) == ("failed", "LUCID_ERR_2006")
    assert payout.failure_message == (
        "TRON network error: It expired without being put into a block. (4 attempts)"
    )
    assert not LedgerTransfer.objects.filter(debit__name="fees").exists(), "what is in no block burns nothing"
    assert world.paid() == {}


def test_a_retry_passes_every_gate_anew_and_counts_in_the_windows_of_its_own_time(world: World) -> None:
    payout = world.create()
    try_once(world, payout, "REVERT")
    world.pass_by(3600)
    settings_hour = LimitWindow.objects.filter(period="hour", scope="global")
    (first,) = settings_hour
    world.settle()
    second = settings_hour.latest("starts_at")
    assert second.starts_at > first.starts_at
    first.refresh_from_db()
    assert (first.reserved, first.posted, second.reserved, second.posted) == (0, 0, 0, 5 * USDT)
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_retry_is_held_while_its_recipient_is_frozen(world: World) -> None:
    payout = world.create()
    try_once(world, payout, "REVERT")
    world.devnet.token(blacklist=[RECIPIENTS[0]])
    wait_for_the_pause(world, payout)
    assert release_due() == 0
    payout.refresh_from_db()
    assert (payout.hold_reason, payout.retries, payout.attempts.count()) == ("screening", 1, 1)


def test_the_signer_signs_no_second_time_while_the_first_could_still_land(world: World) -> None:
    """Reverted after seconds, while the bytes are good for minutes: the next one waits for their end."""
    payout = world.create()
    attempt = try_once(world, payout, "REVERT")
    assert clock.to_ms(payout.due_at) >= attempt.expiration_ms


def test_a_revert_for_want_of_money_is_called_by_its_name(world: World) -> None:
    payout = world.create()
    for _ in range(MAXIMUM_RETRIES):
        try_once(world, payout, "REVERT")
        world.pass_by((payout.due_at - clock.now()).total_seconds() + 3)
    assert release_due() == 1
    assert world.signer_lives() == 1
    attempt = payout.attempts.latest("number")
    world.devnet.force_result(attempt.txid, "REVERT")
    send_due()
    world.step(1)
    nothing = {"constant_result": ["00" * 32]}
    world.devnet.fault("patch", "wallet/triggerconstantcontract", patch=nothing)
    world.step(10)
    world.step(10)
    payout.refresh_from_db()
    assert (payout.status, payout.failure_code) == ("failed", "LUCID_ERR_2007")


def test_fees_in_the_books_are_those_the_chain_took(world: World) -> None:
    trx = world.devnet.balances(settings.TREASURY_ADDRESS)["trx_sun"]
    for n in range(5):
        world.create((n + 1) * USDT, to=RECIPIENTS[n % 4])
    world.settle()
    spent = trx - world.devnet.balances(settings.TREASURY_ADDRESS)["trx_sun"]
    assert spent == burned(list(Attempt.objects.all())) > 0
    assert LedgerAccount.objects.get(name="fees").debits_posted == spent
    assert LedgerAccount.objects.get(name="treasury_trx").credits_posted == spent
