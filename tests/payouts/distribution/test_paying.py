"""A run that is paid: in rounds and chunks through the one door, held and paid when it is back, and never more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from kyc.models import Node, NodeOperator, ScreeningCase, Wallet
from kyc.wallets import changing
from lucid_payments import clock
from payouts import devnet_clock
from payouts.distribution import freezing, holding, monthly, paying, seeds, settling, steering
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.periods import Period
from payouts.manager import PayoutManager
from payouts.models import Chunk, DistributionRun, Entitlement, Payout, RunStep
from payouts.order import PayoutOrder
from tests.devnet.fixtures import devnet, devnet_process
from tests.kyc import attestations
from tests.kyc.screening.lists import listing
from tests.payouts.distribution import month
from tests.payouts.distribution.month import USDT, lines, running, worked
from tests.payouts.flow.conftest import world
from tests.payouts.flow.world import World
from tests.policies import administrators, set_policy

__all__ = ["devnet", "devnet_process", "world"]


@pytest.fixture
def two(world: World) -> DistributionRun:
    """Two nodes that worked, and a run that pays them 20 and 30 USDT."""
    for name, sessions in (("a", 2), ("b", 3)):
        month.node(name)
        worked(name, sessions=sessions)
    return running(month.computed(50 * USDT))


def pay(world: World, run: DistributionRun, hours: int = 4) -> None:
    """Let everything go on for so many hours, until the run is over."""
    for _ in range(hours * 2):
        while monthly.advance():
            pass
        for _ in range(3):
            world.tick()
            world.devnet.step(blocks=10)
            devnet_clock.follow()
        run.refresh_from_db()
        if run.state == "settled":
            return
        world.devnet.step(seconds=1_500)
        devnet_clock.follow()


def paid(run: DistributionRun) -> dict[str, int]:
    return {name: line.paid for name, line in lines(run).items()}


def test_a_run_is_paid_to_the_base_unit_and_settles(world: World, two: DistributionRun) -> None:
    pay(world, two)
    assert (two.state, paid(two)) == ("settled", {"a": 20 * USDT, "b": 30 * USDT})
    assert dict(world.paid()) == {(month.address("a"), 20 * USDT): 1, (month.address("b"), 30 * USDT): 1}
    world.check()
    references = set(Payout.objects.values_list("reference_id", "node_id", "router_type", "priority"))
    assert references == {
        ("month/2026-10/node/a/1", "a", "PayoutRouterKYC", 3), ("month/2026-10/node/b/1", "b", "PayoutRouterKYC", 3),
    }  # fmt: skip
    assert [step.action for step in RunStep.objects.filter(run=two)][-2:] == ["start", "settle"]


def test_large_shares_go_in_equal_chunks_round_by_round(world: World) -> None:
    for name, sessions in (("a", 9), ("b", 2)):
        month.node(name, per_payout=100 * USDT)
        worked(name, sessions=sessions)
    run = running(month.computed(440 * USDT))
    paying.pay_chunks(run.pk)
    chunks = Chunk.objects.filter(entitlement__run=run).order_by("pk")
    found = [(chunk.number, chunk.entitlement.recipient, chunk.payout.amount // USDT) for chunk in chunks]
    assert sorted(found) == [(1, "a", 90), (1, "b", 80)]
    assert found == sorted(found, key=lambda row: lines(run)[row[1]].rank)
    while monthly.advance():
        pass
    assert sorted(Chunk.objects.values_list("number", "payout__amount")) == [
        (1, 80 * USDT), (1, 90 * USDT), (2, 90 * USDT), (3, 90 * USDT), (4, 90 * USDT),
    ]  # fmt: skip


def test_a_fifth_of_the_hour_is_left_to_others(world: World) -> None:
    for number in range(12):
        month.node(f"n{number}")
        worked(f"n{number}")
    run = running(month.computed(1_200 * USDT))
    while monthly.advance():
        pass
    assert Payout.objects.count() == 8
    world.devnet.step(seconds=3_600)
    devnet_clock.follow()
    monthly.advance()
    assert Payout.objects.count() == 8, "those of the hour before still wait, and come first"
    pay(world, run, hours=3)
    assert run.state == "settled"


def test_a_node_that_loses_its_kyc_is_held_and_paid_when_it_is_back(
    world: World, two: DistributionRun
) -> None:
    NodeOperator.objects.filter(nodes__node_id="a").update(status="suspended")
    pay(world, two, hours=1)
    assert (lines(two)["a"].state, lines(two)["a"].hold_reason) == ("held", "kyc")
    assert paid(two) == {"a": 0, "b": 30 * USDT}
    assert two.state == "running"
    NodeOperator.objects.filter(nodes__node_id="a").update(status="approved")
    pay(world, two)
    assert (two.state, paid(two)) == ("settled", {"a": 20 * USDT, "b": 30 * USDT})
    world.check()


def test_a_payout_that_waits_when_its_node_loses_its_kyc_is_held_by_the_gate(
    world: World, two: DistributionRun
) -> None:
    paying.pay_chunks(two.pk)
    NodeOperator.objects.filter(nodes__node_id="a").update(status="suspended")
    world.tick()
    assert Payout.objects.get(node_id="a").hold_reason == "kyc"
    NodeOperator.objects.filter(nodes__node_id="a").update(status="approved")
    pay(world, two)
    assert (two.state, paid(two)) == ("settled", {"a": 20 * USDT, "b": 30 * USDT})


def test_a_changed_address_waits_for_two_people(world: World, two: DistributionRun) -> None:
    attestations.attest(Node.objects.get(node_id="a"), wallet=month.address("new"))
    pay(world, two, hours=1)
    line = lines(two)["a"]
    assert (line.state, line.hold_reason, line.paid) == ("held", "address_changed", 0)
    first, second = administrators()
    for actor, other, seen in ((first, first, "new"), (first, second, "other")):
        with pytest.raises(RunRefused):
            holding.confirm_address(
                line.pk, actor=actor, second=other, seen=month.address(seen), reason="It is so."
            )
    holding.confirm_address(
        line.pk, actor=first, second=second, seen=month.address("new"), reason="It is so."
    )
    pay(world, two)
    line.refresh_from_db()
    assert (line.state, line.address, line.pay_to) == ("paid", month.address("a"), month.address("new"))
    assert (month.address("new"), 20 * USDT) in world.paid()


def test_a_user_whose_wallet_changed_isn_t_paid_at_the_old_one(world: World) -> None:
    ann = month.user("ann")
    worked(None, user=str(ann.public_id))
    run = running(month.computed(50 * USDT))
    first, second = administrators()
    changing.confirm(
        changing.Owner(user=ann), actor=first, confirmer=second, address=month.address("new"), evidence={}
    )
    paying.pay_chunks(run.pk)
    assert (Payout.objects.count(), run.entitlements.get().hold_reason) == (0, "no_wallet")
    Wallet.objects.filter(user=ann).update(counts_from=clock.now())
    clock.freeze(clock.now() + timedelta(minutes=11))
    holding.look_again(run.pk)
    assert run.entitlements.get().hold_reason == "address_changed"


def test_a_listed_recipient_is_held_and_opens_a_case(world: World, two: DistributionRun) -> None:
    listing(month.address("a"))
    pay(world, two, hours=1)
    assert (lines(two)["a"].hold_reason, paid(two)) == ("screening", {"a": 0, "b": 30 * USDT})
    assert ScreeningCase.objects.count() == 1


def test_a_chunk_that_was_called_off_is_replaced_only_when_people_say_so(
    world: World, two: DistributionRun
) -> None:
    paying.pay_chunks(two.pk)
    first = Payout.objects.get(node_id="a")
    PayoutManager.cancel(first, actor=administrators()[0], reason="stop it")
    pay(world, two, hours=1)
    line = lines(two)["a"]
    assert (line.state, line.hold_reason, line.committed) == ("held", "called_off", 0)
    holding.try_again(line.pk, actor=administrators()[0], reason="It was a mistake.")
    pay(world, two)
    again = Payout.objects.get(node_id="a", status="confirmed")
    assert (again.retry_of, again.reference_id, again.amount) == (
        first,
        "month/2026-10/node/a/1/2",
        first.amount,
    )
    assert (two.state, paid(two)["a"]) == ("settled", 20 * USDT)


def test_a_paused_run_makes_no_payouts_and_its_own_don_t_go(world: World, two: DistributionRun) -> None:
    paying.pay_chunks(two.pk)
    admin = administrators()[0]
    steering.pause(two.pk, actor=admin, reason="Something is odd.")
    monthly.advance()
    for _ in range(3):
        world.tick()
    assert set(Payout.objects.values_list("status", "hold_reason")) == {("scheduled", "paused")}
    steering.resume(two.pk, actor=admin, reason="All is well.")
    pay(world, two)
    assert two.state == "settled"
    world.check()


def test_nobody_can_be_paid_twice_whoever_writes(world: World, two: DistributionRun) -> None:
    """The database's own word, with the service out of the way."""
    paying.pay_chunks(two.pk)
    line = lines(two)["a"]

    def insert(amount: int, number: int, **order: Any) -> None:
        asked = {"recipient_address": line.pay_to, "router_type": line.router_type, "node_id": "a", **order}
        payout = PayoutManager.create_covered(
            creator=paying.account(), orders=[PayoutOrder(amount=amount, reason="x", **asked)]
        )[0]
        assert isinstance(payout, Payout)
        Chunk.objects.create(entitlement=line, number=number, payout=payout)

    for amount, number, order in (
        (USDT, 2, {}),  # above what is due
        (20 * USDT, 1, {}),  # the chunk that is being paid
        (USDT, 3, {"router_type": "PayoutRouterV0", "recipient_address": month.address("x")}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            insert(amount, number, **order)
    with pytest.raises(DatabaseError), transaction.atomic():
        Entitlement.objects.filter(pk=line.pk).update(committed=line.amount + 1)
    assert Chunk.objects.count() == 2


def test_people_settle_what_is_held_and_it_comes_with_the_next_freeze(
    world: World, two: DistributionRun
) -> None:
    Node.objects.filter(node_id="a").update(is_active=False)
    pay(world, two, hours=1)
    with pytest.raises(RunRefused, match="1 entitlements are held"):
        settling.settle(two.pk)
    settling.settle(two.pk, actor=administrators()[0], reason="The month is over.")
    world.devnet.step(seconds=(Period(2026, 11).cut_off - clock.now()).total_seconds() + 60)
    devnet_clock.follow()
    worked("b", at=Period(2026, 11).starts_at)
    november = month.computed(10 * USDT, period=Period(2026, 11))
    found = lines(november)
    assert (november.carried_in, found["a"].carried_in, found["b"].share) == (20 * USDT, 20 * USDT, 10 * USDT)
    assert (lines(two)["a"].state, november.carries.get().was_held) == ("moved", True)
    following = month.frozen(Period(2026, 9))
    assert following.carried_in == 0, "what moved on is moved once"


def test_the_next_freeze_takes_what_is_held_from_a_run_that_still_runs(
    world: World, two: DistributionRun
) -> None:
    Node.objects.filter(node_id="a").update(is_active=False)
    pay(world, two, hours=1)
    world.devnet.step(seconds=(Period(2026, 11).cut_off - clock.now()).total_seconds() + 60)
    devnet_clock.follow()
    month.frozen(Period(2026, 11))
    monthly.advance()
    two.refresh_from_db()
    assert two.state == "settled"


def test_below_the_minimum_is_carried_and_no_payout_is_made(world: World) -> None:
    for name, sessions in (("a", 1), ("b", 99)):
        month.node(name)
        worked(name, sessions=sessions)
    run = running(month.computed(400 * USDT))
    pay(world, run)
    assert (run.state, lines(run)["a"].state, paid(run)) == ("settled", "carried", {"a": 0, "b": 396 * USDT})


# What starts by itself.


def test_the_seed_is_the_first_solid_block_from_the_cut_off_on(world: World) -> None:
    head = world.devnet.state()["nodes"][0]
    assert seeds.find(clock.now() + timedelta(days=1)) is None, "the chain isn't that far yet"
    world.devnet.step(seconds=7_200)
    world.devnet.step(blocks=30)
    devnet_clock.follow()
    found = seeds.find(clock.now() - timedelta(minutes=30))
    assert found is not None
    assert found.number > 1, head
    assert len(bytes.fromhex(found.block_id)) == 32


def test_a_month_that_ended_is_opened_and_frozen_by_itself_and_once(world: World) -> None:
    month.node("a")
    worked("a")
    for _ in range(3):
        monthly.advance()
    run = DistributionRun.objects.get()
    assert (run.period, run.state, run.inputs) == ("2026-10", "frozen", 1)
    with pytest.raises(RunRefused, match="paid once"):
        freezing.open_run(month.OCTOBER)


def test_a_month_in_which_nobody_worked_is_not_opened(world: World) -> None:
    monthly.advance()
    assert not DistributionRun.objects.exists()


def test_a_policy_that_shrinks_makes_smaller_chunks_from_then_on(world: World) -> None:
    month.node("a")
    worked("a")
    run = running(month.computed(900 * USDT))
    paying.pay_chunks(run.pk)
    set_policy("PayoutRouterKYC", payout_maximum=100 * USDT)
    pay(world, run, hours=6)
    amounts = sorted(Payout.objects.values_list("amount", flat=True))
    assert (run.state, sum(amounts), amounts[-1], amounts[-2]) == (
        "settled",
        900 * USDT,
        450 * USDT,
        90 * USDT,
    )
