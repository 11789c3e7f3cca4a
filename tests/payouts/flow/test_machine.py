"""Any order of acts, faults, crashes and restores: at no moment and in the end is anybody paid twice or forgotten.

A machine that reaches nothing proves nothing: what it must have seen is counted, and it fails when blind.
"""

from __future__ import annotations

from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from tests.devnet.fixtures import RunningDevnet
from tests.payouts.flow.machine.machine import AnyOrder, example
from tests.payouts.flow.machine.openings import OPENINGS
from tests.payouts.flow.machine.reached import RARE, STATES, missed
from tests.payouts.flow.machine.stage import ACTS

pytestmark = pytest.mark.prove

RULES = frozenset(f"rule {name}" for name in ACTS)


@pytest.fixture
def machine(devnet: RunningDevnet, db: None, settings: Any, tmp_path: Path) -> type[AnyOrder]:
    """The machine on a devnet of this test's; `reached` counts over all its examples."""
    folders = count()

    class Machine(AnyOrder):
        enter = staticmethod(lambda: example(devnet, settings, tmp_path / str(next(folders))))

    Machine.reached = Counter()
    return Machine


def play(machine: type[AnyOrder], opening: str) -> None:
    """One opening, step by step, and the end that every example comes to."""
    playing = machine()
    try:
        playing.all_books_agree()
        for name, values in OPENINGS[opening]:
            getattr(playing, name)(**values)
            playing.all_books_agree()
    finally:
        playing.teardown()


def play_by_chance(machine: type[AnyOrder], number: int, *, examples: int, steps: int) -> None:
    """So many examples, the same ones for the same number every time."""
    bounds = hypothesis_settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(machine), settings=bounds)


def test_any_order_of_acts_pays_each_payout_once(machine: type[AnyOrder]) -> None:
    """All openings, and a few examples of chance."""
    for opening in OPENINGS:
        play(machine, opening)
    play_by_chance(machine, 1, examples=2, steps=20)
    assert missed(machine.reached, STATES) == [], "the examples are too tame"


@pytest.mark.parametrize("opening", OPENINGS)
def test_opening(machine: type[AnyOrder], opening: str) -> None:
    """Each alone, so that what catches a mutant has a name."""
    play(machine, opening)


def test_any_order_far_and_wide(machine: type[AnyOrder]) -> None:
    """Everything is reached again and again: each rule, each state, each reason to wait."""
    for opening in OPENINGS:
        play(machine, opening)
    for number in range(2, 8):
        play_by_chance(machine, number, examples=12, steps=40)
    assert missed(machine.reached, STATES | RARE, times=3) == []
    assert missed(machine.reached, RULES, times=10) == []
