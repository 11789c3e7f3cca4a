"""A browser that is logged in as the auditor, who reads everything."""

from __future__ import annotations

import pytest
from django.test import Client

from lucid_payments.accounts.models import User
from tests.payouts.admin import world


@pytest.fixture
def auditor(db: None) -> User:
    return world.user("auditor")


@pytest.fixture
def office(auditor: User) -> Client:
    client = Client()
    client.force_login(auditor)
    return client


@pytest.fixture
def service(db: None) -> User:
    return world.user("service")
