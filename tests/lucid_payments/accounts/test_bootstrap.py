"""`manage.py bootstrap`: two administrators, once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from lucid_payments.accounts.management.commands import bootstrap
from lucid_payments.accounts.models import User
from tests.payouts.admin import world

ADA = {"name": "ada", "full_name": "Ada Invented", "email": "ada@example.org"}
BO = {"name": "bo", "full_name": "Bo Invented", "email": "bo@example.org"}


def run(monkeypatch: pytest.MonkeyPatch, *people: dict[str, str]) -> str:
    answers: Iterator[str] = iter([answer for person in people for answer in person.values()])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    out = StringIO()
    call_command("bootstrap", stdout=out)
    return out.getvalue()


def test_it_makes_two_administrators_who_set_themselves_up(
    db: None, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    told = run(monkeypatch, ADA, BO)

    assert list(User.objects.order_by("pk").values_list("username", "role", "created_by")) == [
        ("ada", "admin", None),
        ("bo", "admin", None),
    ]
    password = told.partition("ada: one-time password ")[2].split()[0]
    client.post("/admin/login/", {"username": "ada", "password": password})
    assert client.get("/admin/")["Location"] == "/admin/password/"


@pytest.mark.parametrize("is_active", [True, False])
def test_it_refuses_where_there_is_an_administrator(
    db: None, monkeypatch: pytest.MonkeyPatch, is_active: bool
) -> None:
    User.objects.filter(pk=world.user("admin").pk).update(is_active=is_active)

    with pytest.raises(CommandError, match="There is an administrator already"):
        run(monkeypatch, ADA, BO)

    assert User.objects.count() == 1


@pytest.mark.parametrize("other", [{**BO, "name": "ADA"}, {**BO, "email": "no"}, {**BO, "name": "a b"}])
def test_bad_answers_make_nobody(db: None, monkeypatch: pytest.MonkeyPatch, other: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        run(monkeypatch, ADA, other)

    assert not User.objects.exists()


def test_of_two_runs_at_once_one_is_refused(cloned_database: str) -> None:
    start = Barrier(2)

    def make(suffix: str) -> bool:
        try:
            start.wait()
            bootstrap.create([{**person, "name": person["name"] + suffix} for person in (ADA, BO)])
        except CommandError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(make, ("1", "2"))) == [False, True]
    assert User.objects.count() == 2
