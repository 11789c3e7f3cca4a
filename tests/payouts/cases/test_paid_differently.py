"""A payout that did something else than was asked: two people book what it moved, and it ends."""

from __future__ import annotations

from django.conf import settings

from payouts import ledger, watching
from payouts.models import ChainState, LedgerAccount, LedgerTransfer, ManualCase, Payout
from payouts.reconciliation import books
from payouts.searching import search_asked
from routers import killswitch
from routers.models import LimitWindow
from tests.payouts.cases.hands import case_of, hands, stand
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World
from tests.policies import release_kill_switch


def short_paid(world: World) -> Payout:
    """The issuer's fee was switched on under way: 0.10 of 100.00 went to the issuer."""
    payout = world.create(100 * USDT)
    world.tick()
    world.devnet.token(basis_points_rate=10, maximum_fee=40 * USDT, energy_factor=0)
    world.step(19)
    world.devnet.token(basis_points_rate=0)
    world.step(1)
    search_asked()
    payout.refresh_from_db()
    assert payout.status == "manual"
    return payout


def balance(account: str) -> int:
    row = LedgerAccount.objects.get(name=account)
    return row.debits_posted - row.credits_posted


def windows() -> set[tuple[int, int]]:
    rows = LimitWindow.objects.filter(scope__in=("global", "router"))
    return set(rows.exclude(reserved=0, posted=0).values_list("reserved", "posted"))


def test_it_comes_to_people_with_what_it_moved(world: World) -> None:
    payout = short_paid(world)
    case = case_of(payout)
    assert (case.kind, case.closed_at) == ("paid_differently", None)
    evidence = case.searches.get().evidence
    assert evidence.conclusion == "paid_differently"
    moved = dict(evidence.facts["moved"])
    assert moved.pop(RECIPIENTS[0]) == 99_900_000
    assert list(moved.values()) == [100_000]


def test_two_people_book_what_reached_the_recipient_and_suspend_the_rest(world: World) -> None:
    payout = short_paid(world)
    by = hands(world)
    evidence = case_of(payout).searches.get().evidence
    assert by.both("case.close_manual", evidence).status_code == 302
    payout.refresh_from_db()
    assert (payout.status, case_of(payout).end) == ("confirmed", "booked")
    assert "fee is switched on" in payout.transitions.latest("pk").detail
    assert ledger.treasury_balance() == ledger.Balance(FUNDS - 100 * USDT, 0)
    assert world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"] == FUNDS - 100 * USDT
    assert (balance("payable_v0"), balance("suspense")) == (99_900_000, 100_000)
    assert windows() == {(0, 100 * USDT)}
    outcome = LedgerTransfer.objects.get(pending=payout.attempts.get().reservation)
    assert (outcome.kind, outcome.amount) == ("post", 99_900_000)
    booked = books.booked([outcome.txid])[outcome.txid]
    assert (booked.usdt, booked.recipient) == (100 * USDT, ""), "what two people decided differs no more"


def test_the_kill_switch_stays_pulled_until_its_own_act(world: World) -> None:
    payout = short_paid(world)
    hands(world).both("case.close_manual", case_of(payout).searches.get().evidence)
    assert killswitch.is_pulled()
    release_kill_switch("The issuer's fee is off again.")
    later = world.create(to=RECIPIENTS[2])
    world.settle()
    later.refresh_from_db()
    assert later.status == "confirmed"
    assert ChainState.objects.get().statement_detail == ""
    assert not killswitch.is_pulled()


def test_success_without_any_transfer_fails_the_payout_and_frees_its_money(world: World) -> None:
    """A final SUCCESS with no log at all: nothing moved, and it is never tried again."""
    payout = world.create()
    world.tick()
    world.devnet.fault("patch", "walletsolidity/gettransactioninfo*", patch={"log": []})
    world.devnet.step(blocks=19)
    watching.poll()
    payout.refresh_from_db()
    assert payout.status == "manual"
    world.step(1)
    search_asked()
    before = world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"]
    evidence = case_of(payout).searches.get().evidence
    assert evidence.facts["moved"] == []
    assert hands(world).both("case.close_manual", evidence).status_code == 302
    payout.refresh_from_db()
    assert (payout.status, payout.failure_code) == ("failed", "LUCID_ERR_2008")
    assert payout.attempts.get().state == "succeeded", "nothing is ever tried again"
    assert ledger.treasury_balance() == ledger.Balance(FUNDS, 0)
    assert windows() == set()
    assert before == FUNDS - 5 * USDT, "the nodes lied; the next statement tells"


def test_other_conclusions_don_t_close_it(world: World) -> None:
    payout = short_paid(world)
    by = hands(world)
    world.devnet.node(1, online=False)
    evidence = by.search(case_of(payout))
    assert evidence.conclusion == "unanswered"
    before = stand()
    assert by.ask("case.close_manual", evidence).status_code == 403
    assert by.ask("case.never", evidence).status_code == 403
    assert stand() == before
    assert ManualCase.objects.get().closed_at is None
