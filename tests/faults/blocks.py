"""Blocks that are replaced, missing, late to be final, or gone back to."""

from __future__ import annotations

from tests.faults.row import Row

ROWS: list[Row] = []
