"""Two people approve a run as one thing: service and database agree, whoever writes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.distribution import approving, capacity, computing, steering
from payouts.distribution.lifecycle import RunRefused
from payouts.models import Chunk, DistributionRun, Entitlement, PoolKind, RunApproval
from tests.payouts.distribution import month
from tests.payouts.distribution.month import USDT, computed, worked
from tests.policies import KYC, V0, administrators, set_policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> DistributionRun:
    month.node("a")
    worked("a")
    return computed(100 * USDT)


def state(run: DistributionRun) -> str:
    run.refresh_from_db()
    return run.state


def test_two_people_approve_what_they_saw(run: DistributionRun) -> None:
    first, second = month.approvers()
    approving.approve(run.pk, actor=first, seen=run.run_hash)
    assert state(run) == "computed"
    approving.approve(run.pk, actor=second, seen=run.run_hash)
    assert state(run) == "approved"
    assert [step.action for step in run.steps.all()] == ["open", "freeze", "compute", "approve", "approve"]


def test_who_may_not_approve_changes_nothing(run: DistributionRun) -> None:
    first, _ = month.approvers()
    approving.approve(run.pk, actor=first, seen=run.run_hash)
    auditor = User.objects.create_user("auditor", role="auditor")
    for actor, words in ((first, "have approved it"), (administrators()[1], "role"), (auditor, "role")):
        with pytest.raises(RunRefused, match=words):
            approving.approve(run.pk, actor=actor, seen=run.run_hash)
    entered_it = administrators()[0]
    User.objects.filter(pk=entered_it.pk).update(role="payout_approver")
    with pytest.raises(RunRefused, match="entered its pool"):
        approving.approve(run.pk, actor=entered_it, seen=run.run_hash)
    assert (state(run), RunApproval.objects.count()) == ("computed", 1)


def test_what_was_computed_anew_is_approved_anew(run: DistributionRun) -> None:
    first, second = month.approvers()
    approving.approve(run.pk, actor=first, seen=run.run_hash)
    computing.compute(run.pk, kind=PoolKind.FIXED, amount=100 * USDT, actor=administrators()[0])
    with pytest.raises(RunRefused, match="changed since"):
        approving.approve(run.pk, actor=second, seen=run.run_hash)
    run.refresh_from_db()
    approving.approve(run.pk, actor=second, seen=run.run_hash)
    assert state(run) == "computed"
    approving.approve(run.pk, actor=first, seen=run.run_hash)
    assert state(run) == "approved"


def test_whoever_writes_past_the_service_is_refused_by_the_database(run: DistributionRun) -> None:
    first, second = month.approvers()
    approving.approve(run.pk, actor=first, seen=run.run_hash)

    def insert(actor: User, run_hash: str) -> None:
        RunApproval.objects.create(run=run, approver=actor, approver_label="x", run_hash=run_hash, number=2)

    for attempt in (
        lambda: insert(first, run.run_hash),
        lambda: insert(administrators()[1], run.run_hash),
        lambda: insert(second, "ff" * 32),
        lambda: DistributionRun.objects.filter(pk=run.pk).update(state="approved"),
        lambda: DistributionRun.objects.filter(pk=run.pk).update(state="running"),
        lambda: DistributionRun.objects.filter(pk=run.pk).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    # Figures that were changed behind the run's back: nobody can agree to them by the hash of what they were.
    Entitlement.objects.filter(run=run).update(share=50 * USDT, amount=50 * USDT)
    with pytest.raises(DatabaseError), transaction.atomic():
        insert(second, run.run_hash)
    with pytest.raises(RunRefused, match="changed since"):
        approving.approve(run.pk, actor=second, seen=run.run_hash)
    assert (state(run), Chunk.objects.count()) == ("computed", 0)


def test_sent_back_it_is_computed_and_approved_again(run: DistributionRun) -> None:
    approved = month.approved(run)
    approving.send_back(approved.pk, actor=month.approvers()[0], reason="The pool is last month's.")
    assert state(run) == "frozen"
    again = computing.compute(run.pk, kind=PoolKind.FIXED, amount=90 * USDT, actor=administrators()[0])
    assert state(month.approved(again)) == "approved"


# The capacity.


def test_a_month_takes_8_000_usdt_a_day_at_the_defaults(run: DistributionRun) -> None:
    plan = capacity.require(run)
    assert plan.allowance.day == 8_000 * USDT
    assert plan.allowance.month(month.OCTOBER) == 240_000 * USDT
    assert plan.amount == 100 * USDT
    assert plan.hours == [(run.cut_off, 100 * USDT)]


def test_more_than_the_month_can_take_is_refused_with_the_figure(run: DistributionRun) -> None:
    most = computing.compute(run.pk, kind=PoolKind.FIXED, amount=240_000 * USDT, actor=administrators()[0])
    assert len(capacity.require(most).days) == 30
    more = computing.compute(run.pk, kind=PoolKind.FIXED, amount=240_001 * USDT, actor=administrators()[0])
    approved = month.approved(more)
    with pytest.raises(
        RunRefused, match=r"240,001\.00 USDT to pay, and under the limits its month takes 240,000\.00"
    ):
        steering.schedule(approved.pk, at=clock.now(), actor=administrators()[0])
    assert state(approved) == "approved"


def test_more_than_a_router_can_take_is_refused_too(run: DistributionRun) -> None:
    run = computing.compute(run.pk, kind=PoolKind.FIXED, amount=130_000 * USDT, actor=administrators()[0])
    capacity.require(run)
    set_policy(KYC, daily_limit=5_000 * USDT)
    with pytest.raises(RunRefused, match=r"PayoutRouterKYC, which takes 120,000\.00 USDT"):
        capacity.require(run)


def test_the_plan_fills_hours_and_days_and_leaves_a_fifth() -> None:
    allowance = capacity.Allowance(800, 8_000, {V0: 320, KYC: 800}, {V0: 3_200, KYC: 8_000})
    at = month.OCTOBER.cut_off + timedelta(minutes=30)
    plan = capacity.lay_out({V0: 4_000, KYC: 12_000}, at, allowance)
    assert sum(amount for _, amount in plan.hours) == 16_000
    assert [amount for _, amount in plan.days] == [8_000, 8_000]
    assert max(amount for _, amount in plan.hours) == 800
    assert plan.hours[0][0] == month.OCTOBER.cut_off


def test_a_run_starts_when_its_time_has_come(run: DistributionRun) -> None:
    later = clock.now() + timedelta(hours=2)
    steering.schedule(month.approved(run).pk, at=later, actor=administrators()[0])
    assert not steering.start(run.pk)
    clock.freeze(later)
    assert steering.start(run.pk)
    assert not steering.start(run.pk)
    assert state(run) == "running"


def test_what_is_scheduled_can_be_taken_back(run: DistributionRun) -> None:
    steering.schedule(month.approved(run).pk, at=clock.now(), actor=administrators()[0])
    steering.unschedule(run.pk, actor=administrators()[0], reason="The treasury is empty.")
    assert (state(run), steering.start(run.pk), run.scheduled_for) == ("approved", False, None)
