"""A sweep begun, prepared, signed and released against by many at once: threads, and everything commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from django.conf import settings

from payouts import chain, signer, watching
from payouts.models import Attempt, Sweep, SweepTransfer
from payouts.release import release_due
from payouts.sweeps import advancing
from tests.payouts.flow.test_sweep import COLD, begin, fix_destination, is_empty_to_the_base_unit, turn
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World
from tests.payouts.test_races import at_once


@pytest.fixture
def world(committed_world: World) -> World:
    fix_destination()
    return committed_world


def test_many_at_once_make_one_sweep_and_promise_no_money_twice(world: World) -> None:
    payouts = [world.create(500 * USDT // 4, to=to) for to in (*RECIPIENTS, *RECIPIENTS)]
    watching.poll()
    world.signer_lives()
    began = at_once([begin] * 8)
    assert len({sweep.pk for sweep in began if isinstance(sweep, Sweep)}) == 1
    assert Sweep.objects.count() == 1

    state = chain.state()
    turns: list[Callable[[], object]] = [partial(advancing.advance, state)] * 6
    told = at_once([*turns, release_due, release_due])
    assert [error for error in told if isinstance(error, Exception)] == []
    (transfer,) = SweepTransfer.objects.all()
    promised = sum(Attempt.objects.values_list("amount", flat=True))
    assert transfer.amount + promised <= FUNDS

    signer.desk()
    at_once([signer.sign_prepared] * 4)
    assert len(signer.journal()) == 1 + Attempt.objects.exclude(state="prepared").count()
    for _ in range(12):
        turn(world)
        if Sweep.objects.get().state == "done":
            break
    paid = sum(attempt.amount for attempt in Attempt.objects.filter(state="succeeded"))
    is_empty_to_the_base_unit(world, paid=paid)
    assert (
        sum(times for (to, _), times in world.paid().items() if to == COLD)
        == SweepTransfer.objects.filter(state="succeeded").count()
    )
    assert Counter(world.paid())[COLD, transfer.amount] == 1
    assert len(payouts) == 8
    assert world.devnet.balances(settings.TREASURY_ADDRESS)["usdt"] == 0
