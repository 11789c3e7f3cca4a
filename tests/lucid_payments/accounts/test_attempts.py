"""Failed logins: growing waits by account and address, no lock by name alone, and what the owner hears."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connection
from django.test import Client

from lucid_payments.accounts import attempts
from lucid_payments.accounts.models import LoginAttempts
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import login
from tests.lucid_payments.backoffice import people
from tests.payouts.admin import world

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HERE, THERE = "192.0.2.1", "198.51.100.7"


def fail(
    clock: time_machine.Traveller, times: int, name: str = "auditor", address: str = HERE
) -> list[float]:
    """Fail `times`, each as soon as it may be; the waits in between, in seconds."""
    waits = []
    for _ in range(times):
        assert attempts.begin(name, address) is None
        wait = attempts.begin(name, address) or timedelta()
        waits.append(wait.total_seconds())
        clock.shift(wait)
    return waits


def test_each_failure_doubles_the_wait_up_to_15_minutes(db: None) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        waits = fail(clock, 12)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_wait_is_not_made_longer_by_trying(db: None) -> None:
    with time_machine.travel(NINE, tick=False):
        attempts.begin("auditor", HERE)
        assert [attempts.begin("auditor", HERE) for _ in range(5)] == [timedelta(seconds=1)] * 5


def test_who_guesses_elsewhere_does_not_lock_the_owner_out(db: None) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        for number in range(40):
            fail(clock, 1, address=f"203.0.113.{number}")
        attempts.begin("auditor", "203.0.113.99")

        wait = attempts.begin("auditor", THERE)
        assert wait is not None
        assert wait <= timedelta(seconds=30)
        clock.shift(wait)
        assert attempts.begin("auditor", THERE) is None


def test_an_address_that_tries_many_names_waits(db: None) -> None:
    with time_machine.travel(NINE, tick=False):
        for number in range(11):
            assert attempts.begin(f"name{number}", HERE) is None
        assert attempts.begin("one more", HERE) == timedelta(seconds=1)
        assert attempts.begin("one more", THERE) is None


def test_a_success_ends_the_waits_and_tells_of_the_failures(db: None) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        fail(clock, 3)
        attempts.begin("auditor", HERE)

        told = attempts.succeeded("auditor", HERE)

        assert told == attempts.Failures(3, NINE)
        assert attempts.begin("auditor", HERE) is None
        assert attempts.succeeded("auditor", HERE) is None


def test_a_day_without_failures_starts_anew(db: None) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        fail(clock, 8)
        clock.shift(timedelta(hours=24, seconds=1))
        attempts.begin("auditor", HERE)

        clock.shift(timedelta(seconds=1))
        assert attempts.begin("auditor", HERE) is None


def test_names_are_not_kept_and_rows_are_forgotten(db: None) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        attempts.begin("my password in the wrong box", HERE)
        assert not LoginAttempts.objects.filter(account__contains="password").exists()
        clock.shift(timedelta(days=31))
        attempts.forget()

    assert not LoginAttempts.objects.exists()


def test_many_guesses_at_once_get_one_answer(cloned_database: str) -> None:
    start = Barrier(8)

    def guess(_: int) -> bool:
        try:
            start.wait()
            return attempts.begin("auditor", HERE) is None
        finally:
            connection.close()

    with time_machine.travel(NINE, tick=False), ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(8))) == 1, (
            "within the second that the first one makes the others wait"
        )


class TestAtTheDoor:
    pytestmark = pytest.mark.django_db

    def log_in(self, client: Client, password: str = world.PASSWORD, code: str = "") -> str:
        form = {"username": "auditor", "password": password, "otp_token": code}
        return client.post("/admin/login/", form, follow=True).content.decode()

    def test_the_right_password_waits_too(self, client: Client) -> None:
        user = world.user("auditor")
        with time_machine.travel(NINE, tick=False) as clock:
            assert login.REFUSED in self.log_in(client, "wrong")
            assert "Wait 2 s" in self.log_in(client, code=world.code_of(user))
            clock.shift(timedelta(seconds=1))
            assert "1 failed attempt to log in to this account since 2026-03-02 09:00 UTC" in self.log_in(
                client, code=world.code_of(user)
            )

    def test_refused_logins_are_audited_without_what_was_typed(self, client: Client) -> None:
        world.user("auditor")
        self.log_in(client, "wrong")
        client.post("/admin/login/", {"username": "hunter2 hunter2", "password": "x"})

        known, unknown = AuditEntry.objects.filter(action="backoffice.login_refused").order_by("pk")
        assert (known.actor_label, known.object_label) == ("auditor", "auditor")
        assert unknown.actor_label == login.UNKNOWN
        assert "hunter2" not in str(unknown.__dict__)

    def test_another_admin_unlocks(self, client: Client) -> None:
        user, admin = world.user("auditor"), people.desk()
        with time_machine.travel(NINE, tick=False) as clock:
            admin.client.force_login(admin.user)
            fail(clock, 9, address="127.0.0.1")
            attempts.begin("auditor", "127.0.0.1")
            assert "Wait" in self.log_in(client, code=world.code_of(user))

            assert admin.act("staff.unlock", user).status_code == 302

            assert "10 failed attempts" in self.log_in(client, code=world.code_of(user))
        assert AuditEntry.objects.filter(action="staff.unlocked").count() == 1


def test_the_api_s_door_shares_the_account_s_wait_and_lets_workers_log_in_side_by_side(db: None) -> None:
    with time_machine.travel(NINE, tick=False):
        assert [attempts.begin("relay", HERE, attempts.Door.API) for _ in range(3)] == [None] * 3
        assert attempts.begin("relay", HERE, attempts.Door.API) is None
        assert attempts.begin("relay", HERE, attempts.Door.API) == timedelta(seconds=1)
        for number in range(7):
            assert attempts.begin("relay", f"circuit-{number}", attempts.Door.API) is None
        # From whichever circuit: the account's own wait, which the back office's door keeps too.
        assert attempts.begin("relay", THERE, attempts.Door.API) == timedelta(seconds=1)
        assert attempts.begin("relay", THERE) == timedelta(seconds=1)


def test_a_right_password_at_the_api_ends_the_waits_and_hides_nothing_from_the_owner(db: None) -> None:
    with time_machine.travel(NINE, tick=False) as clock:
        for number in range(11):
            attempts.begin("auditor", f"circuit-{number}", attempts.Door.API)
        clock.shift(timedelta(seconds=1))
        assert attempts.begin("auditor", HERE, attempts.Door.API) is None
        attempts.succeeded_by_api("auditor", HERE)
        assert attempts.begin("auditor", HERE) is None
        failures = attempts.succeeded("auditor", HERE)
    assert failures is not None
    assert failures.count == 11
