"""A process that dies at any point of a sweep leaves nothing to be done by anybody, and sends nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from lucid_payments import seam
from payouts import watching
from payouts.models import OrphanSignature, Sweep, SweepTransfer
from payouts.sending import send_due
from routers import killswitch
from tests.payouts.flow.mortality import Mortality, dying_at
from tests.payouts.flow.test_crashes import SWEEPS
from tests.payouts.flow.test_sweep import COLD, begin, fix_destination, is_empty_to_the_base_unit
from tests.payouts.flow.world import FUNDS, World

DEAD = "sweep_dead"
ON_THE_WAY = (*(step for step in SWEEPS if step != DEAD), "journal", "wallet.broadcasthex")


@pytest.fixture(autouse=True)
def nobody_listens(world: World) -> Iterator[None]:
    fix_destination()
    yield
    seam.listen(None)


def turn(world: World, mortality: Mortality, blocks: int = 21) -> None:
    for one in (watching.poll, world.signer_lives, send_due):
        mortality.survive(one)
    world.devnet.step(blocks=blocks)
    mortality.survive(watching.poll)


def points(*steps: str) -> list[str]:
    return [f"{step}.{moment}" for step in steps for moment in ("before", "after")]


def all_is_well(world: World) -> None:
    assert Sweep.objects.get().state == "done"
    assert world.paid() == Counter({(COLD, FUNDS): 1})
    is_empty_to_the_base_unit(world)
    assert not OrphanSignature.objects.exists()
    assert not killswitch.is_pulled()


def test_a_death_at_each_point_of_one_sweep_and_it_goes_on(world: World) -> None:
    with dying_at(*points(*ON_THE_WAY)) as mortality:
        mortality.insist(begin)
        # The deaths come within its transaction's life; then blocks enough to see it final.
        for blocks in (*[1] * 12, *[21] * 12):
            turn(world, mortality, blocks)
            if not Sweep.objects.filter(state="open").exists():
                break
    assert set(SweepTransfer.objects.values_list("state", flat=True)) == {"succeeded"}
    all_is_well(world)


def test_a_death_while_a_transfer_is_declared_dead(world: World) -> None:
    world.devnet.fault("hold", "wallet/broadcasthex")
    with dying_at(*points(DEAD)) as mortality:
        begin()
        for blocks in (84, 21, 21, 21, 21):
            turn(world, mortality, blocks)
        world.devnet.clear_faults()
        for _ in range(6):
            turn(world, mortality)
    assert sorted(SweepTransfer.objects.values_list("state", flat=True))[-1] == "succeeded"
    all_is_well(world)
