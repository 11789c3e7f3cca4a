"""The ninth sentence: nothing is signed unless all that ever left the treasury is known to be ours."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from lucid_payments import clock
from payouts import devnet_clock, ledger, watching
from payouts.gates import signer_lives
from payouts.models import Attempt, ChainState, LedgerTransfer, ManualCase, OrphanSignature, Payout
from payouts.release import release_due
from routers import killswitch
from routers.models import KillSwitch
from tests.payouts.flow import elsewhere
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World, forget_process_state
from tests.policies import release_kill_switch

THIEF = RECIPIENTS[3]


def look(world: World, blocks: int = 0) -> ChainState:
    """A round of the watcher late enough to read the treasury again."""
    world.step(max(blocks, 5))
    return ChainState.objects.get()


def test_a_payment_made_elsewhere_with_our_key_stops_everything(world: World) -> None:
    elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    payout = world.create()
    state = look(world)
    assert state.statement_at is None
    assert state.statement_detail.startswith("7.00 USDT left the treasury")
    look(world)
    assert not killswitch.is_pulled(), "the signer hasn't been asked yet"
    assert world.signer_lives() == 0
    look(world)
    assert killswitch.is_pulled()
    world.run(3)
    assert payout.attempts.count() == 0
    assert world.paid() == {(THIEF, 7 * USDT): 1}


def test_a_signer_never_signs_what_was_prepared_before_the_theft(world: World) -> None:
    """Released a moment ago; then the watcher sees the transfer that isn't ours."""
    payout = world.create()
    assert release_due() == 1
    elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    look(world)
    assert world.signer_lives() == 0
    look(world)
    release_kill_switch("Someone lets go too early.")
    assert world.signer_lives() == 0
    assert payout.attempts.get().state == "prepared"


def test_what_the_signer_s_journal_alone_knows_yet_is_no_theft(world: World) -> None:
    """A database put back by seconds, as a copy that takes over is: it holds the signer's sign of life, still fresh."""
    before = transaction.savepoint()
    world.create()
    world.tick()
    world.devnet.step(blocks=1)
    transaction.savepoint_rollback(before)
    forget_process_state()
    devnet_clock.follow()
    assert signer_lives(clock.now())

    assert look(world).statement_at is None
    look(world)
    world.signer_lives()
    look(world)

    assert not killswitch.is_pulled()
    assert not ManualCase.objects.exists()
    assert OrphanSignature.objects.get().state != "paid"


def test_a_payment_elsewhere_hidden_behind_a_top_up_is_seen_in_its_block(world: World) -> None:
    """The balance is as high as before; the block tells."""
    world.create()
    world.tick()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT)
    state = look(world)
    assert state.foreign_txid == txid
    assert state.statement_at is None
    assert not killswitch.is_pulled(), "one node's head block is no proof"
    look(world, 20)
    assert killswitch.is_pulled()
    assert txid in KillSwitch.objects.get(pk=1).reason


def test_a_fork_s_transfer_that_was_never_solid_is_forgotten(world: World) -> None:
    world.create()
    world.tick()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT)
    assert look(world).foreign_txid == txid
    world.devnet.reorg(5, drop=[txid])
    world.run(6)
    state = ChainState.objects.get()
    assert (state.foreign_txid, killswitch.is_pulled()) == ("", False)
    assert state.statement_at is not None


def test_one_node_s_word_that_money_is_missing_stops_payouts_but_pulls_nothing(world: World) -> None:
    world.devnet.fault(
        "patch", "wallet/triggerconstantcontract", node=0, patch={"constant_result": ["00" * 32]}
    )
    payout = world.create()
    state = look(world)
    assert state.statement_at is None
    world.run(3)
    assert not killswitch.is_pulled()
    assert payout.attempts.count() == 0
    world.devnet.clear_faults()
    world.settle()
    assert world.paid() == {(RECIPIENTS[0], 5 * USDT): 1}
    world.check()


def test_a_stranger_s_transfer_of_nothing_changes_nothing(world: World) -> None:
    """Anyone can put a Transfer log with our address as payer on chain, as long as its value is zero."""
    payout = world.create()
    world.tick()
    elsewhere.touch_treasury(world.devnet, settings.TREASURY_ADDRESS, THIEF)
    state = look(world)
    assert (state.foreign_txid, state.statement_detail) == ("", "")
    world.settle()
    payout.refresh_from_db()
    assert payout.status == "confirmed"
    assert not killswitch.is_pulled()
    assert ledger.treasury_balance().posted == FUNDS - 5 * USDT


def test_a_top_up_is_booked_once_it_is_final(world: World) -> None:
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=11 * USDT, mine=True)
    watching.poll()
    look(world)
    assert ledger.treasury_balance().posted == FUNDS, "a head block may be replaced"
    for _ in range(6):
        look(world)
    assert ledger.treasury_balance().posted == FUNDS + 11 * USDT
    for _ in range(6):
        look(world)
    assert ledger.treasury_balance().posted == FUNDS + 11 * USDT, "once"
    assert LedgerTransfer.objects.filter(note="seen on chain").count() == 1


def test_heads_from_before_a_top_up_are_no_theft(world: World) -> None:
    """Both providers fall back behind a final block that holds money we have booked."""
    world.run(2)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=500 * USDT, mine=True)
    world.run(8)
    assert ledger.treasury_balance().posted == world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"]
    for node in (0, 1):
        world.devnet.lag(node, 70)
    look(world)
    look(world)
    world.create()
    world.tick()
    assert not killswitch.is_pulled()
    assert not Attempt.objects.exists()
    assert "older than a final block" in ChainState.objects.get(pk=1).statement_detail
    for node in (0, 1):
        world.devnet.lag(node, 0)
    world.settle()
    assert set(Payout.objects.values_list("status", flat=True)) == {"confirmed"}


def test_a_top_up_is_booked_though_payouts_are_always_on_their_way(world: World) -> None:
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=11 * USDT, mine=True)
    for _ in range(8):
        world.create(USDT)
        world.run(1)
    assert Payout.objects.exclude(status="confirmed").exists()
    assert LedgerTransfer.objects.filter(note="seen on chain").exists()
    world.settle()
    for _ in range(8):
        look(world)
    assert ledger.treasury_balance().posted == FUNDS + 11 * USDT - 8 * USDT


def test_one_node_can_t_make_us_book_money_that_isn_t_there(world: World) -> None:
    much = (FUNDS + 1_000 * USDT).to_bytes(32).hex()
    world.devnet.fault("patch", "wallet/triggerconstantcontract", node=0, patch={"constant_result": [much]})
    for _ in range(8):
        look(world)
    assert ledger.treasury_balance().posted == FUNDS
