"""Limits counted for one test alone."""

from __future__ import annotations

import uuid

import pytest
from pytest_django import Settings

from lucid_payments.accounts.models import User


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("somebody", role="service")
