"""Another key pays from one commit on: nothing is paid twice or lost, and the old key's money goes where it must."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from django.conf import settings
from django.core.management import CommandError, call_command

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts import gates, ledger, signer, treasury_keys, watching
from payouts.models import Attempt, ChainState, Payout, SignerState, Sweep, SweepTransfer, TreasuryRotation
from payouts.models.ledger import Currency
from payouts.refusals import require_payable
from payouts.release import release_due
from payouts.sending import send_due
from payouts.tron.addresses import InvalidAddress
from payouts.tron.signing import keyfile
from payouts.tron.signing.keybook import KeyBook
from payouts.tron.signing.recovery import address_of
from payouts.tron.signing.secret import Secret
from routers import killswitch
from tests.payouts.admin.world import code_of, user
from tests.payouts.flow.test_reconciliation import reconcile
from tests.payouts.flow.test_sweep import COLD, TRX_FUNDS, go_on, held, turn
from tests.payouts.flow.world import FUNDS, PASSWORD, RECIPIENTS, USDT, World, forget_process_state

NEW_KEY = PrivateKey(bytes.fromhex("17" * 32))
NEW = address_of(NEW_KEY.public_key)
OLDER_COLD, NEW_COLD = COLD, RECIPIENTS[2]
MORE = 1_000 * USDT


@pytest.fixture(autouse=True)
def ready(world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process was told of the new key, the signer holds it, and its ceremony is complete."""
    file = tmp_path / "new.json"
    keyfile.import_key(file, Secret(NEW_KEY.secret.hex()), Secret(PASSWORD), scrypt_n=2)
    settings.TREASURY_OTHER_ADDRESS = NEW
    settings.TREASURY_OTHER_KEY_FILE = str(file)
    settings.TREASURY_OTHER_PASSWORD_FILE = settings.TREASURY_PASSWORD_FILE
    for key, destination in ((settings.TREASURY_ADDRESS, OLDER_COLD), (NEW, NEW_COLD)):
        signer.keybook().fix_destination(key, destination, by="ann, bob", reason="test", now_ms=0)
    forget_process_state()
    world.signer_lives()
    for name in ("ann", "bob", "cyd", "dan"):
        user("admin", name=name)
    monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", code_asked_for)


def code_asked_for(question: str) -> str:
    return code_of(User.objects.get(username=question.removesuffix(": ").rpartition(" ")[2]))


def rotate(actor: str = "ann", second: str = "bob") -> str:
    out = io.StringIO()
    call_command(
        "treasury", "rotate", stdout=out, actor=actor, second=second, reason="the yearly change of the key"
    )
    return out.getvalue()


def fund_the_new(world: World) -> None:
    world.devnet.fund(NEW, trx_sun=TRX_FUNDS, mine=True)
    world.devnet.fund(NEW, usdt=MORE, mine=True)


def paid_by(world: World, payer: str) -> Counter[tuple[str, int]]:
    return Counter((row["to"], row["amount"]) for row in world.devnet.transfers(payer=payer))


def test_the_old_key_is_swept_and_the_new_one_pays(world: World) -> None:
    """With one payout sent by the old key, one prepared and not signed, and one that comes after."""
    ledger.book_inflow(TRX_FUNDS, note="test funds", currency=Currency.TRX)
    sent = world.create(to=RECIPIENTS[0])
    world.tick()
    prepared = world.create(to=RECIPIENTS[1])
    release_due()
    assert list(Attempt.objects.order_by("pk").values_list("state", flat=True)) == ["sent", "prepared"]

    told = rotate()
    assert f"the treasury pays from {NEW}" in told
    assert f"to {OLDER_COLD}, its destination" in told
    later = world.create(to=RECIPIENTS[3])
    go_on(world, rounds=20)
    fund_the_new(world)
    world.settle()

    old = settings.TREASURY_ADDRESS
    assert {Payout.objects.get(pk=one.pk).status for one in (sent, prepared, later)} == {"confirmed"}
    by_old = paid_by(world, old)
    assert by_old[RECIPIENTS[0], 5 * USDT] == 1
    assert (
        sum(amount * times for (to, amount), times in by_old.items() if to == OLDER_COLD) == FUNDS - 5 * USDT
    )
    assert paid_by(world, NEW) == Counter({(RECIPIENTS[1], 5 * USDT): 1, (RECIPIENTS[3], 5 * USDT): 1})
    assert world.devnet.balances(old)["usdt"] == 0
    assert held(ledger.SWEPT) == FUNDS - 5 * USDT
    assert ledger.treasury_balance() == ledger.Balance(posted=MORE - 10 * USDT, pending_out=0)
    assert not killswitch.is_pulled()
    run = reconcile()
    assert (run.state, run.chain_usdt) == ("clean", MORE - 10 * USDT)
    # The new key's TRX are found, and booked, by this very run: to the sun.
    assert (run.chain_trx or 0) - (run.books_trx or 0) == run.booked_trx == TRX_FUNDS


def test_it_is_audited_and_shown_and_the_old_key_is_retired(world: World) -> None:
    rotate()
    made = TreasuryRotation.objects.get()
    assert (made.old_address, made.new_address, made.begun_by) == (settings.TREASURY_ADDRESS, NEW, "ann, bob")
    assert (made.sweep.cause, made.sweep.with_trx) == ("rotation", True)
    entry = AuditEntry.objects.get(action="treasury.rotated")
    assert entry.details["by"] == ["ann", "bob"]
    assert signer.keybook().retired() == {settings.TREASURY_ADDRESS}
    assert treasury_keys.current() == NEW
    assert treasury_keys.held() == [NEW, settings.TREASURY_ADDRESS]


def test_the_statement_counts_both_keys_and_no_theft_is_seen(world: World) -> None:
    rotate()
    fund_the_new(world)
    watching.poll()
    state = ChainState.objects.get()
    assert (state.treasury_usdt, state.older_usdt) == (MORE, FUNDS)
    assert state.statement_at is not None
    for _ in range(2):
        world.step(21)
    assert ledger.treasury_balance().posted >= FUNDS, "the top-up came in, nothing left"
    assert not killswitch.is_pulled()


def test_what_comes_to_the_old_key_later_is_seen_and_can_be_swept(world: World) -> None:
    rotate()
    go_on(world, rounds=20)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT, trx_sun=100 * USDT, mine=True)
    for _ in range(3):
        turn(world)
    assert ledger.treasury_balance().posted == 7 * USDT
    call_command(
        "treasury", "sweep", key=settings.TREASURY_ADDRESS, actor="cyd", second="dan",
        reason="somebody topped up the old address", stdout=io.StringIO(),
    )  # fmt: skip
    go_on(world, rounds=20)
    assert ledger.treasury_balance().posted == 0
    assert world.devnet.balances(OLDER_COLD)["usdt"] == FUNDS + 7 * USDT


def test_cut_off_after_the_signer_s_file_it_is_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is lost: the old key pays nothing, nothing else has happened, and the same command goes on."""
    retire = KeyBook.retire

    def die(*args: Any, **kwargs: Any) -> None:
        retire(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KeyBook, "retire", die)
        with pytest.raises(KeyboardInterrupt):
            rotate()
    assert treasury_keys.current() == settings.TREASURY_ADDRESS
    assert not Sweep.objects.exists()
    assert not TreasuryRotation.objects.exists()
    world.create()
    world.tick()
    assert set(Attempt.objects.values_list("state", flat=True)) == {"withdrawn"}
    world.signer_lives()

    rotate("cyd", "dan")
    assert treasury_keys.current() == NEW
    go_on(world, rounds=20)
    assert world.devnet.balances(OLDER_COLD)["usdt"] == FUNDS


def test_started_with_the_new_key_first_everything_goes_on(world: World, settings: Any) -> None:
    """The settings are turned around while the sweep is under way, and later the old key is taken away."""
    rotate()
    watching.poll()
    world.signer_lives()
    old_file, old = settings.TREASURY_KEY_FILE, settings.TREASURY_ADDRESS
    settings.TREASURY_ADDRESS, settings.TREASURY_KEY_FILE = NEW, settings.TREASURY_OTHER_KEY_FILE
    settings.TREASURY_OTHER_ADDRESS, settings.TREASURY_OTHER_KEY_FILE = old, old_file
    forget_process_state()
    go_on(world, rounds=20)
    settings.TREASURY_OTHER_ADDRESS = settings.TREASURY_OTHER_KEY_FILE = ""
    forget_process_state()
    fund_the_new(world)
    payout = world.create()
    world.settle()
    payout.refresh_from_db()
    assert payout.status == "confirmed"
    assert paid_by(world, NEW) == Counter({(RECIPIENTS[0], 5 * USDT): 1})
    assert treasury_keys.held() == [NEW, old]


def test_a_process_that_wasn_t_told_of_the_key_releases_nothing(world: World, settings: Any) -> None:
    rotate()
    fund_the_new(world)
    settings.TREASURY_OTHER_ADDRESS = ""
    forget_process_state()
    world.create()
    world.tick()
    assert not Attempt.objects.exists()
    assert "set TREASURY_ADDRESS" in treasury_keys.problem()
    assert gates.closed(ChainState.objects.get(), clock.now()) is not None


def test_neither_key_is_a_recipient(world: World) -> None:
    for own in (settings.TREASURY_ADDRESS, NEW):
        with pytest.raises(InvalidAddress):
            require_payable(own)


def test_after_a_second_start_the_journal_is_signed_again_by_the_key_it_names(world: World) -> None:
    """The database lost the signatures of both keys' transactions: each is imported, by its own key."""
    world.create()
    world.tick()
    rotate()
    watching.poll()
    world.signer_lives()
    send_due()
    SweepTransfer.objects.all().delete()
    SignerState.objects.update(journal_seq=0, journal_head="", journal_txid="")
    forget_process_state()
    world.signer_lives()
    assert SweepTransfer.objects.get().sweep.address == settings.TREASURY_ADDRESS
    go_on(world, rounds=20)
    assert Attempt.objects.get().state == "succeeded"
    assert not killswitch.is_pulled()


REFUSED = {
    "one person": ({}, "two administrators"),
    "no new key": ({"TREASURY_OTHER_ADDRESS": ""}, "isn't set"),
    "a key the signer doesn't hold": (
        {"TREASURY_OTHER_ADDRESS": RECIPIENTS[3]},
        "No destination|doesn't hold",
    ),
    "the key that pays": ({"TREASURY_OTHER_ADDRESS": settings.TREASURY_ADDRESS}, "pays now"),
}


@pytest.mark.parametrize(("changed", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_it_refuses_changes_nothing(
    world: World, settings: Any, changed: dict[str, str], why: str
) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match=why):
        rotate("ann", "bob" if changed else "ann")
    assert not TreasuryRotation.objects.exists()
    assert not Sweep.objects.exists()
    assert signer.keybook().retired() == frozenset()


def test_a_key_that_was_left_is_never_come_back_to(world: World, settings: Any) -> None:
    rotate()
    old, settings.TREASURY_ADDRESS = settings.TREASURY_ADDRESS, NEW
    settings.TREASURY_OTHER_ADDRESS = old
    with pytest.raises(CommandError, match="isn't come back to"):
        rotate("cyd", "dan")
    assert treasury_keys.current() == NEW
