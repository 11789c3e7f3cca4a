"""Attempts to log in counted for each test alone."""

from __future__ import annotations

import uuid

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def own_counters(settings: Settings) -> None:
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
