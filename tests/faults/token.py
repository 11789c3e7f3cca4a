"""The USDT contract's own switches, and strangers at the treasury."""

from __future__ import annotations

from tests.faults.row import Row

ROWS: list[Row] = []
