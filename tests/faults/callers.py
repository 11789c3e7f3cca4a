"""What clients and administrators do in mid-flight."""

from __future__ import annotations

from tests.faults.row import Row

ROWS: list[Row] = []
