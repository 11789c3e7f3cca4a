"""What a row of the matrix is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.faults.rig import Rig

Act = Callable[["Rig"], object]
# How far all ten have come when the fault strikes: not asked for yet, handed to the nodes, in a head block.
Strikes = Literal["before", "sent", "included"]
HOUR = 3600


def nothing(rig: Rig) -> None:
    """No act."""


def put_right(rig: Rig) -> None:
    """The nodes are honest, present and of one mind again."""
    rig.put_right()


def all_paid_once(rig: Rig) -> None:
    """All ten are confirmed, each by one transfer to its recipient."""
    assert rig.statuses() == {"confirmed": rig.count}, rig.explain()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault. Times are seconds of chain time; `bound` is the longest it may take until all ten have ended.

    `alarms`: the kinds that rightly stand at the end. `human_acts`: entries of people in the audit log that
    the row itself makes (asked, confirmed, done).
    `turn_at_once`: whether every process gets its turn before time moves; not where one of them stands still.
    `second_key`: whether every process was told of another treasury key, for a rotation.
    `taken`: base units that somebody else moved out of the treasury.
    """

    name: str
    expected: str
    disturb: Act
    strikes: Strikes = "before"
    lasts: int = 0
    relieve: Act = put_right
    expect: Act = all_paid_once
    bound: int = 2 * HOUR
    alarms: frozenset[str] = field(default_factory=frozenset)
    human_acts: int = 0
    turn_at_once: bool = True
    taken: int = 0
    daily: bool = False
    spoils: bool = False
    second_key: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a row, counted in the chain's and our own books. `wrong` is empty when it came as expected."""

    row: Row
    paid: int = 0
    failed: int = 0
    duplicates: int = 0
    stuck: int = 0
    human_acts: int = 0
    chain_seconds: int = 0
    wrong: str = ""
