"""The benchmark's short form: 100 payouts on the stepped clock, for correctness and the price in node calls."""

from __future__ import annotations

from payouts.models import Payout
from tests.load.client import recipient
from tests.load.figures import by_reason
from tests.payouts.flow.world import USDT, World
from tests.policies import V0, set_policy

PAYOUTS = 100
NODES = 2


def test_a_hundred_payouts_are_paid_once_for_at_most_six_node_calls_each(world: World) -> None:
    set_policy(in_flight=1000)
    set_policy(V0, in_flight=1000)
    for number in range(PAYOUTS):
        world.create(USDT // 10, to=recipient(f"short-{number}"))
    world.devnet.reset_calls()
    world.settle()
    calls = by_reason(world.devnet.calls(), PAYOUTS)
    assert Payout.objects.filter(status="confirmed").count() == PAYOUTS
    world.check()
    assert sum(calls.values()) <= (4 + NODES) * PAYOUTS, calls
    assert (calls["broadcast"], calls["blacklist"], calls["simulation"]) == (
        NODES * PAYOUTS,
        PAYOUTS,
        PAYOUTS,
    )
