"""Counting requests in the cache, by django-ratelimit: its counter is atomic, DRF's isn't."""

from __future__ import annotations

import logging
from typing import Any, Final

from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError

# Where the usage that an answer's headers tell of stands in the request's META.
META_KEY: Final = "lucid.rate_limit"

logger = logging.getLogger(__name__)


def usage_of(request: HttpRequest, group: str, who: str, limit: int, window: int) -> dict[str, Any] | None:
    """One more of `group` by `who` in this window of seconds; None where the cache is away.

    Whoever waits for the seconds of `time_left` finds a new window.
    """
    try:
        usage: dict[str, Any] | None = get_usage(
            request, group=group, key=lambda _, __: who, rate=(limit, window), increment=True
        )
    except RedisError:
        usage = None
    # A count that failed has limit 0. `time_left` would not do: it is negative, too, when a window ends meanwhile.
    if usage is None or usage["limit"] == 0:
        logger.warning("rate limits can't be counted: the cache is away")
        return None
    # The library counts into a window to the end of the second that it names; in the next one it is whole again.
    usage["time_left"] += 1
    return usage
