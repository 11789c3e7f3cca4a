"""All rows, in the order of the table."""

from __future__ import annotations

from tests.faults import (
    blocks,
    callers,
    disagreement,
    disk,
    inclusion,
    node_answers,
    process,
    sweeps,
    token,
    wall_clock,
)
from tests.faults.row import Row

THEMES: dict[str, list[Row]] = {
    "What nodes answer": node_answers.ROWS,
    "Inclusion": inclusion.ROWS,
    "Blocks": blocks.ROWS,
    "Nodes that differ": disagreement.ROWS,
    "The token and the treasury": token.ROWS,
    "Our own processes": process.ROWS,
    "The machine": [*wall_clock.ROWS, *disk.ROWS],
    "Callers": callers.ROWS,
    "Sweeps of the treasury": sweeps.ROWS,
}
ROWS = [row for rows in THEMES.values() for row in rows]
