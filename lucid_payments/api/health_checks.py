"""The parts of a health answer that apps above this one know about and register when they are ready."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

logger = logging.getLogger(__name__)

HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"
DISABLED: Final = "disabled"

# A check's answer always has `status`. It is told whether the caller may see exact figures.
Check = Callable[[bool], dict[str, Any]]
_checks: dict[str, Check] = {}
_UNKNOWN: Final[dict[str, dict[str, Any]]] = {
    "tron": {"status": UNHEALTHY, "network": None, "latest_block": None},
    "circuit_breaker": {"status": None, "daily_limit_remaining": None, "hourly_limit_remaining": None},
}


def register_check(name: str, function: Check) -> None:
    """Let `function` answer for `checks.<name>`."""
    _checks[name] = function


def ask(name: str, *, exact: bool) -> dict[str, Any]:
    """The answer of `checks.<name>`, or that nothing is known: health answers whatever else is broken."""
    check = _checks.get(name)
    if check is None:
        return unknown(name)
    try:
        return check(exact)
    except Exception:
        logger.exception("the health check %s failed", name)
        return unknown(name)


def unknown(name: str) -> dict[str, Any]:
    return dict(_UNKNOWN[name])
