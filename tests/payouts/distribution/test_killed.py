"""A run whose processes are killed at fifty points goes on and ends with the same payouts, each made once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from lucid_payments import clock, seam
from payouts import devnet_clock, watching
from payouts.distribution import approving, computing, monthly, steering
from payouts.distribution.lifecycle import RunRefused
from payouts.models import Chunk, DistributionRun, Payout, PoolKind, RunInput
from payouts.release import release_due
from payouts.sending import send_due
from tests.devnet.fixtures import devnet, devnet_process
from tests.payouts.distribution import month
from tests.payouts.distribution.month import USDT, lines, worked
from tests.payouts.flow.conftest import world
from tests.payouts.flow.mortality import Mortality, PowerCut
from tests.payouts.flow.world import World
from tests.policies import administrators

__all__ = ["devnet", "devnet_process", "world"]

DEATHS = 50
MONTHLY = [
    f"{step}.{moment}"
    for step in ("draw_line", "freeze", "compute", "pay_chunks", "settle_run")
    for moment in ("before", "after")
]


@dataclass
class OftenKilled(Mortality):
    """Dies once at each point of the month's own, and at every seventh of the others that comes by: fifty times."""

    deaths: list[str] = field(default_factory=list)
    _passed: int = 0

    def __call__(self, point: str) -> None:
        if point in MONTHLY:
            due = point not in self.deaths
        else:
            self._passed += 1
            others = sum(death not in MONTHLY for death in self.deaths)
            due = self._passed % 7 == 0 and others < DEATHS - len(MONTHLY)
        if due:
            self.deaths.append(point)
            self._dead = True
            raise PowerCut(point)


def test_a_run_killed_at_fifty_points_ends_with_the_same_payouts(world: World) -> None:
    for name, sessions in (("a", 5), ("b", 3), ("c", 2)):
        month.node(name, per_payout=40 * USDT)
        worked(name, sessions=sessions)
    admin = administrators()[0]
    killed = OftenKilled(())
    seam.listen(killed)
    try:
        until(killed, "frozen", world)
        run = DistributionRun.objects.get()
        compute = partial(computing.compute, run.pk, kind=PoolKind.FIXED, amount=200 * USDT, actor=admin)
        killed.insist(compute)
        run.refresh_from_db()
        for one in month.approvers():
            approving.approve(run.pk, actor=one, seen=run.run_hash)
        steering.schedule(run.pk, at=clock.now(), actor=admin)
        until(killed, "settled", world)
    finally:
        seam.listen(None)

    assert len(killed.deaths) == DEATHS
    assert set(MONTHLY) <= set(killed.deaths)
    made = {payout.reference_id: payout.amount for payout in Payout.objects.all()}
    third = 33_333_334
    assert made == {
        "month/2026-10/node/a/1": third, "month/2026-10/node/a/2": third - 1, "month/2026-10/node/a/3": third - 1,
        "month/2026-10/node/b/1": 30 * USDT, "month/2026-10/node/b/2": 30 * USDT, "month/2026-10/node/c/1": 40 * USDT,
    }  # fmt: skip
    assert {name: line.paid for name, line in lines(run).items()} == {
        "a": 100 * USDT,
        "b": 60 * USDT,
        "c": 40 * USDT,
    }
    assert (RunInput.objects.count(), Chunk.objects.count(), Payout.objects.count()) == (3, 6, 6)
    assert sum(world.paid().values()) == 6
    world.check()


def until(killed: OftenKilled, state: str, world: World) -> None:
    """Every process for itself, each started anew when it dies, until the run is in this state."""
    for _ in range(60):
        for turn in (advance, watching.poll, world.signer_lives, release_due, world.signer_lives, send_due):
            killed.survive(turn)
        if DistributionRun.objects.filter(state=state).exists():
            return
        world.devnet.step(blocks=10)
        devnet_clock.follow()
    raise AssertionError(list(Payout.objects.values_list("status", "hold_reason")))


def advance() -> None:
    try:
        while monthly.advance():
            continue
    except RunRefused as refused:
        raise AssertionError("what advances by itself refuses nothing") from refused
