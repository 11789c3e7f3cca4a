"""Our own processes, their servers and their clocks."""

from __future__ import annotations

from tests.faults.row import Row

ROWS: list[Row] = []
