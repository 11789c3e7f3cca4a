"""Two schedulers, two approvers, two workers at one moment: a month has one run, and each part of it happens once."""

from __future__ import annotations

from functools import partial

import pytest
from django.db.models import Sum

from payouts.distribution import approving, freezing, paying
from payouts.distribution.lifecycle import RunRefused
from payouts.models import Chunk, DistributionRun, Entitlement, Payout, RunApproval, RunInput
from tests.payouts.distribution import month
from tests.payouts.distribution.month import OCTOBER, SEED, USDT, computed, worked
from tests.payouts.test_races import at_once

pytestmark = pytest.mark.usefixtures("cloned_database")
WORKERS = 6


def work() -> None:
    for name in ("a", "b", "c"):
        month.node(name)
        worked(name, sessions=10)


def test_of_many_schedulers_one_opens_the_month_and_one_freezes_it() -> None:
    work()
    opened = at_once([partial(freezing.open_run, OCTOBER)] * WORKERS)
    assert sum(isinstance(answer, DistributionRun) for answer in opened) == 1
    assert sum(isinstance(answer, RunRefused) for answer in opened) == WORKERS - 1
    run = DistributionRun.objects.get()
    freezing.draw_line(run.pk)
    frozen = at_once([partial(freezing.freeze, run.pk, SEED)] * WORKERS)
    assert sum(isinstance(answer, DistributionRun) for answer in frozen) == 1
    assert (RunInput.objects.count(), Entitlement.objects.count()) == (3, 3)


def test_one_person_counts_once_however_often_they_click() -> None:
    work()
    run = computed(60 * USDT)
    first, second = month.approvers()
    clicks = [partial(approving.approve, run.pk, actor=first, seen=run.run_hash)] * WORKERS
    answers = at_once(clicks)
    assert sum(isinstance(answer, DistributionRun) for answer in answers) == 1
    assert sum(isinstance(answer, RunRefused) for answer in answers) == WORKERS - 1
    run.refresh_from_db()
    assert (run.state, RunApproval.objects.count()) == ("computed", 1)
    approving.approve(run.pk, actor=second, seen=run.run_hash)
    run.refresh_from_db()
    assert run.state == "approved"


def test_many_workers_pay_each_part_once() -> None:
    work()
    run = month.running(computed(60 * USDT))
    turns = at_once([partial(paying.pay_chunks, run.pk)] * WORKERS)
    assert sorted(turns, key=str) == [0] * (WORKERS - 1) + [3], "the others wait, and find nothing left"
    assert Payout.objects.count() == Chunk.objects.count() == 3
    asked = Payout.objects.aggregate(sum=Sum("amount"))["sum"]
    committed = Entitlement.objects.aggregate(sum=Sum("committed"))["sum"]
    assert asked == committed == 60 * USDT
