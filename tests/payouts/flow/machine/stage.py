"""What all rules share: the world of one example, its witness, and the counting of what was reached."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db import connection
from hypothesis.stateful import RuleBasedStateMachine, rule

from lucid_payments.api.errors import LucidError
from payouts.signer import sign_prepared
from payouts.watching import poll
from tests.payouts.flow.machine.witness import Facts, Witness
from tests.payouts.flow.world import USDT, World, forget_process_state

# The names of all rules.
ACTS: set[str] = set()
_OF_TRANSACTIONS = ("SAVEPOINT", "RELEASE", "ROLLBACK")


class PowerCut(BaseException):
    """The machine stops here."""


class Stage(RuleBasedStateMachine):
    """One example: a devnet and a database of its own, rolled back afterwards."""

    enter: Callable[[], Any]
    reached: ClassVar[Counter[str]]
    world: World
    witness: Witness
    # The node that may lie in this example: where two lie alike, nobody can know better.
    liar: int = 0
    usual_limits: dict[str, dict[str, Any]]

    def note(self, what: str) -> None:
        self.reached[what] += 1

    def ask(self, amount: int, **order: Any) -> None:
        """For so many whole USDT; a refusal is one more thing reached."""
        try:
            self.world.create(amount * USDT, **order)
        except LucidError as refused:
            self.note(f"refused {refused.code}")

    def watch_and_sign(self) -> None:
        poll()
        sign_prepared()

    def watch_after(self, *blocks: int) -> None:
        """Each look of the watcher so many blocks after the one before, and ours after it."""
        for number in blocks:
            self.world.devnet.step(blocks=number)
            poll()
            self.check()

    def check(self) -> Facts:
        raise NotImplementedError


def act(**drawn: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule that is counted by its name."""

    def mark(function: Callable[..., None]) -> Any:
        ACTS.add(function.__name__)

        @functools.wraps(function)
        def counted(stage: Stage, **values: Any) -> None:
            stage.note(f"rule {function.__name__}")
            function(stage, **values)

        return rule(**drawn)(counted)  # type: ignore[no-untyped-call]

    return mark


@contextmanager
def power_fails(after: int) -> Iterator[None]:
    """The `after`th statement from now on never reaches the database, nor does anything that was to come behind it.

    Every commit and every call of a node stands between two statements, so each of their two sides is cut somewhere.
    """
    left = after

    def cut(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if not str(sql).startswith(_OF_TRANSACTIONS):
            left -= 1
            if left == 0:
                raise PowerCut
        return execute(sql, params, many, context)

    with connection.execute_wrapper(cut):
        yield


def survives(turn: Callable[[], object], after: int) -> bool:
    """Whether `turn` came to its end before the power failed; after a cut every process is started anew."""
    try:
        with power_fails(after):
            turn()
    except PowerCut:
        forget_process_state()
        return False
    return True
