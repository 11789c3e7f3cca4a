"""How long one stays in: 30 minutes idle, 8 hours in all, and not a request longer than one's role."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from lucid_payments.accounts.models import User
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def auditor() -> User:
    return world.user("auditor")


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_an_idle_session_ends_after_30_minutes(client: Client, auditor: User) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        client.force_login(auditor)
        clock.shift(timedelta(minutes=29))
        assert is_in(client)
        clock.shift(timedelta(minutes=29))
        assert is_in(client)
        clock.shift(timedelta(minutes=31))
        assert not is_in(client)


def test_a_busy_session_ends_after_8_hours(client: Client, auditor: User) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        client.force_login(auditor)
        for _ in range(24):
            clock.shift(timedelta(minutes=20))
            assert is_in(client)
        clock.shift(timedelta(minutes=1))
        assert not is_in(client)


def test_a_role_taken_away_ends_the_next_request(client: Client, auditor: User) -> None:
    client.force_login(auditor)
    assert is_in(client)

    User.objects.filter(pk=auditor.pk).update(role="end_user")

    assert not is_in(client)


def test_an_account_switched_off_ends_the_next_request(client: Client, auditor: User) -> None:
    client.force_login(auditor)

    User.objects.filter(pk=auditor.pk).update(is_active=False)

    assert not is_in(client)
