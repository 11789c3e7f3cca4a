"""The cache's client is made once, and goes on when its connection was lost."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.core.cache import caches

pytestmark = pytest.mark.usefixtures("servers")


def _client() -> Any:
    return caches["default"]._cache.get_client("any", write=True)  # type: ignore[attr-defined]


def _another_pool() -> redis.ConnectionPool:
    pool = _client().connection_pool
    return redis.ConnectionPool(pool.connection_class, **pool.connection_kwargs)


def test_calls_share_one_client() -> None:
    assert _client() is _client()


def test_it_goes_on_after_its_connection_was_lost() -> None:
    cache = caches["default"]
    cache.set("kept", "once", timeout=10)
    with redis.Redis(connection_pool=_another_pool()) as other:
        other.client_kill_filter(_id=_client().client_id())
    assert cache.get("kept") == "once"
