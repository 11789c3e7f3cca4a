"""A kept connection that still works is believed without asking; one that has ended is made anew."""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSql

pytestmark = pytest.mark.usefixtures("cloned_database")


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def end(pid: int) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as another:
        assert another.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)


def begin_a_request() -> None:
    database: Any = connection
    database.health_check_done = False


def test_a_connection_that_works_is_believed_without_a_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    before = backend()

    def ask(_: PostgreSql) -> bool:
        raise AssertionError("a statement was spent on it")

    monkeypatch.setattr(PostgreSql, "is_usable", ask)
    assert connection.is_usable()
    begin_a_request()
    assert backend() == before


def test_the_next_request_gets_a_new_connection_when_the_server_ended_the_old_one() -> None:
    before = backend()
    end(before)
    begin_a_request()
    assert backend() != before


def test_what_ends_in_the_middle_of_a_request_is_an_error() -> None:
    end(backend())
    with pytest.raises(OperationalError):
        backend()


def test_a_connection_closed_by_us_is_not_usable() -> None:
    backend()
    connection.connection.close()
    assert not connection.is_usable()
