"""What Prometheus may know of backups, by the file that `deploy/backup` writes (BACKUP_STATE_FILE, its `last.json`).

Of it these count: `time`, when the newest verified base backup was taken; `archived_at`, up to when the database's log
has been stored; `damaged`, a list of the stored files that are no longer what they were. Times are UTC, ISO 8601.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

FIELDS: Final = {"base": "time", "log": "archived_at"}


class BackupCollector(Collector):
    """By the machine's own clock, as the scripts write it. Without BACKUP_STATE_FILE nothing is said."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the file."""
        return ()

    def collect(self) -> Iterator[Metric]:
        if not settings.BACKUP_STATE_FILE:
            return
        told = read(Path(settings.BACKUP_STATE_FILE))
        ages = GaugeMetricFamily(
            "lucid_backup_age_seconds",
            "Since the newest backup of the kind; infinite where none is known",
            labels=["kind"],
        )
        for kind, age in ages_of(told, time.time()).items():
            ages.add_metric([kind], age)
        yield ages
        damaged = told.get("damaged")
        yield GaugeMetricFamily(
            "lucid_backup_damaged_files",
            "Stored files that are no longer what was verified",
            value=len(damaged) if isinstance(damaged, list) else 0,
        )


def read(file: Path) -> dict[str, Any]:
    """What the file says; empty for one that is missing or isn't an object."""
    try:
        told = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def ages_of(told: dict[str, Any], now: float) -> dict[str, float]:
    """Seconds by kind; infinite for what isn't said, or said wrongly: an alarm is right then."""
    return {kind: _age(told.get(field), now) for kind, field in FIELDS.items()}


def _age(told: Any, now: float) -> float:
    try:
        at = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        return math.inf
    return max(0.0, now - (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
