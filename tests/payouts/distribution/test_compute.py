"""Shares, carries and holds of a run: they add up to its pool, and are bound by one hash until two people agree."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Sum

from kyc.models import Attestation, Node, NodeOperator, Wallet
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.distribution import computing
from payouts.distribution.lifecycle import RunRefused
from payouts.models import DistributionRun, Entitlement, PoolKind
from tests.kyc import attestations
from tests.kyc.screening.lists import listing
from tests.payouts.distribution import month
from tests.payouts.distribution.month import USDT, computed, lines, worked
from tests.policies import administrators

pytestmark = pytest.mark.django_db


def compute(run: DistributionRun, amount: int, kind: PoolKind = PoolKind.FIXED) -> DistributionRun:
    return computing.compute(run.pk, kind=kind, amount=amount, actor=administrators()[0])


def test_a_fixed_sum_is_shared_to_the_last_base_unit() -> None:
    for name, sessions in (("a", 1), ("b", 2), ("c", 4)):
        month.node(name)
        worked(name, sessions=sessions)
    run = computed(100 * USDT)
    assert {name: line.share for name, line in lines(run).items()} == {
        "a": 14_285_714, "b": 28_571_429, "c": 57_142_857,
    }  # fmt: skip
    assert (run.state, run.pool) == ("computed", 100 * USDT)
    assert {(line.outcome, line.state) for line in lines(run).values()} == {("pay", "due")}


def test_a_rate_pays_each_credit_the_same() -> None:
    month.node("a")
    worked("a", sessions=40)
    run = computed(250_000, kind=PoolKind.RATE)
    assert (run.pool, lines(run)["a"].share) == (10 * USDT, 10 * USDT)


HELD: list[tuple[str, Callable[[], Any]]] = [
    ("node_inactive", lambda: Node.objects.filter(node_id="a").update(is_active=False)),
    ("kyc", lambda: NodeOperator.objects.filter(nodes__node_id="a").update(status="suspended")),
    ("kyc", lambda: NodeOperator.objects.filter(nodes__node_id="a").update(kyc_hash="")),
    ("reputation", lambda: Node.objects.filter(node_id="a").update(reputation="0.4999")),
    ("reputation", lambda: Node.objects.filter(node_id="a").update(reputation=None)),
    ("attestation", lambda: clock.freeze(clock.now() + timedelta(days=40))),
    (
        "address_changed",
        lambda: attestations.attest(Node.objects.get(node_id="a"), wallet=month.address("new")),
    ),
]


@pytest.mark.parametrize(
    ("reason", "lose"), HELD, ids=[f"{number} {row[0]}" for number, row in enumerate(HELD)]
)
def test_an_ineligible_node_is_held_and_keeps_its_share(reason: str, lose: Callable[[], Any]) -> None:
    month.node("a")
    worked("a", sessions=1)
    worked("b", sessions=1)
    run = month.frozen()
    lose()
    run = compute(run, 100 * USDT)
    found = lines(run)
    assert (found["a"].outcome, found["a"].state, found["a"].hold_reason) == ("hold", "held", reason)
    assert (found["b"].hold_reason, found["a"].share) == ("not_registered", 50 * USDT)


def test_a_user_without_a_wallet_is_held_and_a_blacklisted_address_too() -> None:
    ann, bob, eve = month.user("ann"), month.user("bob", wallet=False), month.user("eve")
    for one in (ann, bob, eve):
        worked(None, user=str(one.public_id))
    run = month.frozen()
    Wallet.objects.filter(user=bob).delete()
    listing(month.address("eve"))
    found = lines(compute(run, 90 * USDT))
    assert {one.username: found[str(one.public_id)].hold_reason for one in (ann, bob, eve)} == {
        "ann": "", "bob": "no_wallet", "eve": "screening",
    }  # fmt: skip


def test_computing_anew_replaces_the_figures_and_their_hash() -> None:
    month.node("a")
    worked("a")
    run = computed(100 * USDT)
    first = run.run_hash
    again = compute(run, 100 * USDT)
    assert again.run_hash != first, "whoever agreed to the first computation hasn't seen this one"
    other = compute(run, 101 * USDT)
    assert len({first, again.run_hash, other.run_hash}) == 3
    assert (lines(other)["a"].amount, Entitlement.objects.count()) == (101 * USDT, 1)


def test_a_pool_that_can_t_be_is_refused_and_changes_nothing() -> None:
    run = month.frozen()
    for amount, kind in (
        (0, PoolKind.FIXED),
        (-1, PoolKind.RATE),
        (10**15 + 1, PoolKind.FIXED),
        (5, PoolKind.FIXED),
    ):
        with pytest.raises(RunRefused):
            compute(run, amount, kind)
    run.refresh_from_db()
    assert (run.state, run.pool_kind, run.run_hash) == ("frozen", "", "")


def test_a_month_in_which_nobody_worked_shares_nothing_at_a_rate() -> None:
    run = compute(month.frozen(), 5, PoolKind.RATE)
    assert (run.state, run.pool, run.recipients) == ("computed", 0, 0)


def test_a_dry_run_is_the_same_code_rolled_back() -> None:
    month.node("a")
    worked("a")
    run = month.frozen()
    figures = computing.dry_run(run.pk, kind=PoolKind.FIXED, amount=100 * USDT)
    assert (figures.to_pay.amount, figures.to_pay.recipients) == (100 * USDT, 1)
    run.refresh_from_db()
    assert (run.state, run.run_hash, lines(run)["a"].share) == ("frozen", "", 0)


def test_shares_of_random_months_add_up_in_the_database_too() -> None:
    chance = random.Random(7)
    for number in range(200):
        worked(
            f"node-{number}",
            sessions=chance.randrange(0, 1_000),
            megabytes=f"{chance.randrange(0, 10**9)}.{chance.randrange(10**6):06}",
        )
    pool = chance.randrange(1, 10**12)
    run = computed(pool)
    sums = run.entitlements.values("outcome").annotate(share=Sum("share")).order_by()
    assert sum(row["share"] for row in sums) == pool == run.pool


def test_the_database_keeps_shares_that_people_agreed_to() -> None:
    month.node("a")
    worked("a")
    run = computed(100 * USDT)
    with pytest.raises(DatabaseError), transaction.atomic():
        run.entitlements.update(amount=1)  # not what share and carry add up to
    with pytest.raises(DatabaseError), transaction.atomic():
        DistributionRun.objects.filter(pk=run.pk).update(state="approved", version=9)
    assert User.objects.filter(role="payout_approver").count() == 0
    assert Attestation.objects.count() == 1
