"""All rules on one stage: after each of them the books are checked, and at the end everybody has been paid once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from payouts.models import OrphanSignature
from routers.models import GLOBAL, Breaker, RouterPolicy
from tests.devnet.fixtures import RunningDevnet
from tests.payouts.flow.conftest import running_world
from tests.payouts.flow.machine import books
from tests.payouts.flow.machine.ending import Ending
from tests.payouts.flow.machine.people import kyc_node
from tests.payouts.flow.machine.witness import Facts, Witness
from tests.payouts.flow.world import RECIPIENTS, World
from tests.policies import V0

LATE = 12


class AnyOrder(Ending):
    def __init__(self) -> None:
        super().__init__()
        self._context = self.enter()
        self.world = self._context.__enter__()
        self.witness = Witness()
        self.steps = 0
        self.by_chance = False
        self.usual_limits = {
            scope: _limits(RouterPolicy.objects.filter(scope=scope).latest("version"))
            for scope in (GLOBAL, V0)
        }
        kyc_node()
        for recipient in RECIPIENTS[:3]:
            self.ask(5, to=recipient)

    @initialize(liar=st.sampled_from([0, 1]))
    def one_of_the_nodes_may_lie(self, liar: int) -> None:
        self.liar = liar
        self.by_chance = True

    @invariant()
    def all_books_agree(self) -> None:
        self.steps += 1
        self.check()

    def teardown(self) -> None:
        try:
            self.ends()
            self.all_books_agree()
        finally:
            self._context.__exit__(None, None, None)

    def check(self) -> Facts:
        facts = Facts.of(self.world)
        self.witness.read(facts)
        books.check(facts, self.witness)
        self.witness.look(facts)
        self.count(facts)
        return facts

    def count(self, facts: Facts) -> None:
        self.reached.update(f"attempt {attempt.state}" for attempt in facts.attempts)
        self.reached.update(f"payout {payout.status}" for payout in facts.payouts.values())
        waiting = (payout for payout in facts.payouts.values() if payout.hold_reason)
        self.reached.update(f"hold {payout.hold_reason}" for payout in waiting)
        self.reached.update(f"breaker {row.state}" for row in Breaker.objects.all())
        self.reached.update(f"orphan {row.state}" for row in OrphanSignature.objects.all())

    def lose(self, amount: int) -> None:
        self.ask(amount, to=RECIPIENTS[2])
        self.witness.look(Facts.of(self.world))

    def early(self) -> bool:
        return self.by_chance and self.steps < LATE


@contextmanager
def example(devnet: RunningDevnet, settings: Any, folder: Path) -> Iterator[World]:
    """A world on a new chain, in a transaction that is rolled back."""
    devnet.control.reset()
    folder.mkdir()
    with transaction.atomic():
        with running_world(devnet, settings, folder) as world:
            yield world
        transaction.set_rollback(True)


def _limits(policy: RouterPolicy) -> dict[str, Any]:
    names = ("hourly_limit", "daily_limit", "recipient_limit", "creator_limits", "in_flight")
    return {name: getattr(policy, name) for name in names}
