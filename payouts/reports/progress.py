"""How far a report is: rows written of rows to write. Kept in the cache alone, since losing it costs a figure."""

from __future__ import annotations

import logging
from typing import Final

from django.core.cache import cache

from lucid_payments.nudge import NUDGE_LOST

_KEPT_SECONDS: Final = 600
EVERY: Final = 1_000

logger = logging.getLogger(__name__)


def note(report: int, done: int, total: int) -> None:
    try:
        cache.set(_key(report), f"{done}/{total}", _KEPT_SECONDS)
    except NUDGE_LOST as error:
        logger.warning("cache away", extra={"error": type(error).__name__})


def of(report: int) -> tuple[int, int] | None:
    """Rows written, and rows there are; None when nobody knows."""
    try:
        noted = cache.get(_key(report))
    except NUDGE_LOST:
        return None
    if not isinstance(noted, str):
        return None
    done, _, total = noted.partition("/")
    return int(done), int(total)


def _key(report: int) -> str:
    return f"report:{report}"
