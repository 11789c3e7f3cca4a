"""Value that left the treasury and isn't ours: found by a search, booked by two, and only then stated as explained."""

from __future__ import annotations

import pytest
from django.conf import settings

from payouts import ledger
from payouts.models import ChainState, Evidence, LedgerAccount, LedgerTransfer, ManualCase, UnknownTransfer
from payouts.searching import search_asked
from routers import killswitch
from tests.payouts.cases.hands import hands, stand
from tests.payouts.flow import elsewhere
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World
from tests.policies import release_kill_switch

THIEF = RECIPIENTS[3]


def look(world: World, blocks: int = 5) -> ChainState:
    """A round of the watcher late enough to read the treasury again."""
    world.step(blocks)
    return ChainState.objects.get()


def stolen(world: World, amount: int = 7 * USDT) -> ManualCase:
    """Taken while nothing was on its way: the balance alone tells, once the signer's journal has had its say."""
    elsewhere.pay_with_our_key(world.devnet, THIEF, amount)
    look(world)
    world.signer_lives()
    look(world)
    assert killswitch.is_pulled()
    look(world, 25)
    search_asked()
    return ManualCase.objects.get()


def balance(account: str) -> int:
    row = LedgerAccount.objects.get(name=account)
    return row.debits_posted - row.credits_posted


def test_a_theft_is_found_by_the_system_s_own_search(world: World) -> None:
    case = stolen(world)
    assert (case.kind, case.txid, case.amount) == ("unknown_transfer", "", 7 * USDT)
    evidence = case.searches.get().evidence
    assert evidence.conclusion == "unknown_found"
    (leaving,) = evidence.facts["unknown"]
    assert leaving["moved"] == [[THIEF, 7 * USDT]]
    assert leaving["fee"] > 0


@pytest.mark.parametrize("account", ["losses", "suspense"])
def test_two_people_book_it_and_the_statement_is_whole_again(world: World, account: str) -> None:
    case = stolen(world)
    by = hands(world)
    evidence = case.searches.get().evidence
    page = by.first.client.get(f"/admin/act/case.book/{evidence.pk}/").content.decode()
    assert f"7.00 USDT to {THIEF} and" in page
    assert by.both("case.book", evidence, account=account).status_code == 302
    case.refresh_from_db()
    assert case.end == "booked"
    row = UnknownTransfer.objects.get()
    assert (row.amount, row.account) == (7 * USDT, account)
    assert balance(account) == 7 * USDT
    assert balance("fees") == row.fee
    assert ledger.treasury_balance() == ledger.Balance(FUNDS - 7 * USDT, 0)
    assert killswitch.is_pulled(), "its release is an act of its own"
    assert look(world).statement_at is not None
    release_kill_switch()
    payout = world.create()
    world.settle()
    payout.refresh_from_db()
    assert payout.status == "confirmed"
    assert not killswitch.is_pulled()
    assert world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"] == ledger.treasury_balance().posted


def test_a_payout_equal_to_what_was_booked_is_held_as_a_possible_duplicate(world: World) -> None:
    """After a restore that lost the signature and its journal line: the payout waits, and the chain has paid it."""
    case, by = stolen(world), hands(world)
    assert by.both("case.book", case.searches.get().evidence, account="suspense").status_code == 302
    look(world)
    release_kill_switch()
    equal, other = world.create(7 * USDT, to=THIEF), world.create(6 * USDT, to=THIEF)
    world.run(12)
    equal.refresh_from_db()
    other.refresh_from_db()
    assert (equal.status, equal.hold_reason) == ("scheduled", "possible_duplicate")
    assert equal.attempts.count() == 0
    assert other.status == "confirmed"
    assert world.paid() == {(THIEF, 7 * USDT): 1, (THIEF, 6 * USDT): 1}


def test_a_top_up_of_the_same_size_hides_nothing(world: World) -> None:
    case = stolen(world)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT, mine=True)
    state = look(world)
    assert state.statement_at is None
    assert "isn't booked yet" in state.statement_detail
    by = hands(world)
    evidence = by.search(case)
    assert evidence.conclusion == "unknown_found"
    assert by.both("case.book", evidence, account="losses").status_code == 302
    for _ in range(8):
        state = look(world)
    assert state.statement_at is not None
    assert ledger.treasury_balance().posted == FUNDS, "the top-up is booked too, as what came in"


def test_a_transfer_seen_in_its_block_has_a_case_of_its_name(world: World) -> None:
    world.create()
    world.tick()
    txid = elsewhere.pay_with_our_key(world.devnet, THIEF, 7 * USDT)
    world.devnet.fund(settings.TREASURY_ADDRESS, usdt=7 * USDT)
    look(world)
    look(world, 25)
    search_asked()
    case = ManualCase.objects.get()
    assert case.txid == txid
    assert hands(world).both("case.book", case.searches.get().evidence, account="losses").status_code == 302
    state = look(world)
    assert (state.foreign_txid, state.statement_detail) == ("", "")
    assert state.statement_at is not None


def test_blocks_that_don_t_hold_it_book_nothing(world: World) -> None:
    case, by = stolen(world), hands(world)
    evidence = by.search(case, first_block="1", last_block="3")
    assert evidence.conclusion == "nothing_found"
    before = stand()
    answer = by.ask("case.book", evidence, account="losses")
    assert (answer.status_code, b"search more blocks" in answer.content) == (403, True)
    assert stand() == before


def test_one_operator_s_word_books_nothing(world: World) -> None:
    case, by = stolen(world), hands(world)
    world.devnet.node(1, online=False)
    evidence = by.search(case)
    assert evidence.conclusion == "unanswered"
    before = stand()
    assert by.ask("case.book", evidence, account="losses").status_code == 403
    assert stand() == before


def test_a_stranger_s_token_that_logs_our_address_is_no_theft(world: World) -> None:
    """Anyone may let a contract log a transfer from us; of value 0 with the token itself."""
    case, by = stolen(world), hands(world)
    elsewhere.touch_treasury(world.devnet, settings.TREASURY_ADDRESS, THIEF)
    world.step(25)
    last = world.devnet.state()["solid"]["number"]
    evidence = by.search(case, last_block=str(last))
    assert len(evidence.facts["unknown"]) == 1


def test_the_same_theft_is_booked_once(world: World) -> None:
    case, by = stolen(world), hands(world)
    evidence = case.searches.get().evidence
    by.both("case.book", evidence, account="losses")
    rows = LedgerTransfer.objects.count()
    assert by.ask("case.book", evidence, account="losses").status_code == 403
    assert LedgerTransfer.objects.count() == rows
    assert Evidence.objects.count() == 1


def test_what_is_reserved_is_not_booked_away(world: World) -> None:
    """All but what is reserved is gone: the payouts on their way end first, by the rules."""
    payout = world.create(100 * USDT)
    world.devnet.fault("hold", "wallet/broadcasthex")
    world.tick()
    elsewhere_paid = FUNDS - 50 * USDT
    world.devnet.clear_faults()
    case = stolen(world, elsewhere_paid)
    by = hands(world)
    evidence = by.search(case)
    assert ledger.treasury_balance().available < elsewhere_paid
    before = stand()
    answer = by.ask("case.book", evidence, account="losses")
    assert (answer.status_code, b"end those first" in answer.content) == (409, True)
    assert stand() == before
    assert payout.attempts.count() == 1
