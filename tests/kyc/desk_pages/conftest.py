"""The desk's pages as people use them, in a test's one transaction."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from lucid_payments import clock

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(settings: Settings, db: None) -> None:
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    clock.freeze(NOW)
