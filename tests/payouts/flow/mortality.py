"""Processes that die at points of the fault seam, in one process: what was committed stays, all else is gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from lucid_payments import seam
from payouts import devnet_clock, watching
from payouts.models import Payout
from payouts.release import release_due
from payouts.sending import send_due
from tests.payouts.flow.world import OVER, World, forget_process_state

# A dead process's connection ends: its transaction is rolled back and its session's locks are free.
_ENDS_WITH_THE_CONNECTION = re.compile(r"ROLLBACK|RELEASE SAVEPOINT|SELECT pg_advisory_unlock", re.IGNORECASE)


class PowerCut(BaseException):
    """The process ends here; nothing of ours may catch it."""


@dataclass
class Mortality:
    """Dies once at each of `points`, `in_turn` or as it comes by; `reached` are those where it did."""

    points: tuple[str, ...]
    in_turn: bool = False
    reached: list[str] = field(default_factory=list)
    _dead: bool = False

    def __call__(self, point: str) -> None:
        left = [known for known in self.points if known not in self.reached]
        if point in (left[:1] if self.in_turn else left):
            self.reached.append(point)
            self._dead = True
            raise PowerCut(point)

    def survive(self, turn: Callable[[], Any]) -> bool:
        """One turn of a process, which is started anew if it dies; False when it did."""
        with connection.execute_wrapper(self._refuse_the_dead):
            try:
                turn()
            except PowerCut:
                self._dead = False
                connection.needs_rollback = False
                forget_process_state()
                return False
        return True

    def insist(self, turn: Callable[[], Any]) -> None:
        """The same turn again, until it comes to its end."""
        while not self.survive(turn):
            continue

    def settle(self, world: World, limit: int = 60) -> None:
        """Everything goes on, each process for itself, until no payout is open."""
        for _ in range(limit):
            self.round(world)
            if not Payout.objects.exclude(status__in=OVER).exists():
                return
        raise AssertionError(f"still open: {list(Payout.objects.values_list('status', 'hold_reason'))}")

    def round(self, world: World, blocks: int = 10) -> None:
        """One turn of every process, and so many blocks."""
        for turn in (watching.poll, world.signer_lives, release_due, world.signer_lives, send_due):
            self.survive(turn)
        world.devnet.step(blocks=blocks)
        devnet_clock.follow()
        self.survive(watching.poll)

    def _refuse_the_dead(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """What stands in a `finally` runs here, and wouldn't in a process that was killed."""
        if self._dead and not _ENDS_WITH_THE_CONNECTION.match(sql.lstrip()):
            raise PowerCut(sql)
        if self._dead:
            # Set where a transaction without a savepoint ends; here that is the test's own.
            connection.needs_rollback = False
        return execute(sql, params, many, context)


@contextmanager
def dying_at(*points: str, in_turn: bool = False) -> Iterator[Mortality]:
    """A world whose processes die once at each of these points, all of which must be reached."""
    mortality = Mortality(points, in_turn)
    seam.listen(mortality)
    try:
        yield mortality
    finally:
        seam.listen(None)
    assert set(mortality.reached) == set(points), "a point of the seam isn't on the way any more"
