"""Runs rows: on the stack there is where the last row left it clean, else on a fresh one."""

from __future__ import annotations

from contextlib import ExitStack

from tests.faults import books
from tests.faults.rig import Rig, another_key, rig
from tests.faults.row import Result, Row

# What may have to end by itself after the last payout has: a quarantine, an alarm, a breaker's cool-down.
CALM_SECONDS = 2400
PROBING = "SELECT 1 FROM routers_breaker b WHERE state = 'half_open' AND NOT EXISTS"
PROBING += " (SELECT 1 FROM payouts_payout WHERE status IN ('scheduled', 'released', 'sent'))"


class Runner:
    """Holds the stack under way."""

    def __init__(self) -> None:
        self._held = ExitStack()
        self._rig: Rig | None = None

    def run(self, row: Row) -> Result:
        """What came of the row; `wrong` says where it isn't what was expected."""
        if self._rig is not None and bool(self._rig.second_key) != row.second_key:
            self.stop()
        stack = self._rig or self._start(row)
        try:
            _play(stack, row)
            wrong = ""
        except (AssertionError, TimeoutError, RuntimeError) as error:
            wrong = str(error) or type(error).__name__
        result = books.measure(stack, row, wrong)
        if wrong or row.spoils:
            self.stop()
        return result

    def stop(self) -> None:
        self._rig = None
        self._held.close()

    def _start(self, row: Row) -> Rig:
        settings = self._held.enter_context(another_key()) if row.second_key else {}
        self._rig = self._held.enter_context(rig(**settings))
        return self._rig


def _play(stack: Rig, row: Row) -> None:
    stack.new_day()
    books.clean(stack)
    if row.strikes == "before":
        row.disturb(stack)
        stack.ask()
        if row.turn_at_once:
            stack.turn()
    else:
        stack.ask()
        stack.until(row.strikes)
        row.disturb(stack)
    stack.pass_by(row.lasts)
    row.relieve(stack)
    assert stack.resolve(row.bound), f"not resolved within {row.bound} s of chain time: {stack.explain()}"
    row.expect(stack)
    _calm(stack, row)
    books.check(stack, row)


def _calm(stack: Rig, row: Row) -> None:
    """Until the books agree and nothing is left over, or it is clear that something stays.

    A breaker that tries again waits for three payouts: the next callers' close it.
    """
    until = stack.devnet.now_ms() + CALM_SECONDS * 1000
    while True:
        try:
            books.check(stack, row)
            return
        except AssertionError:
            if stack.devnet.now_ms() > until:
                return
        if not row.spoils and stack.query(PROBING):
            stack.ask_aside()
        stack.step(blocks=20)
        stack.turn()
