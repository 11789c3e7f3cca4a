"""Two nodes that tell different stories: one lags, lies, forges or stands on another fork."""

from __future__ import annotations

from tests.faults.row import Row

ROWS: list[Row] = []
