"""The audit log: entries are written with their act, keep labels, and are never changed by anybody."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.audit.models import AuditEntry, AuditHead, AuditSeal
from lucid_payments.events.models import Event

APPEND_ONLY = [AuditEntry, AuditSeal, AuditHead, Event]


@pytest.fixture
def officer(db: None) -> User:
    return User.objects.create_user("officer", role="compliance_officer")


def test_an_entry_keeps_the_labels_of_actor_and_object(officer: User) -> None:
    entry = log.record(
        "user.renamed", actor=officer, subject=officer, details={"to": "x"}, request_id="req_1"
    )
    User.objects.filter(pk=officer.pk).update(username="renamed")
    stored = AuditEntry.objects.get(pk=entry.pk)
    assert (stored.actor_id, stored.actor_label, stored.action) == (officer.pk, "officer", "user.renamed")
    assert (stored.object_type, stored.object_id) == ("accounts.user", str(officer.pk))
    assert (stored.object_label, stored.details, stored.request_id) == ("officer", {"to": "x"}, "req_1")
    assert stored.at is not None


@pytest.mark.parametrize(("actor", "label"), [(None, "system"), ("release loop", "release loop")])
def test_a_process_acts_under_its_own_name(db: None, actor: str | None, label: str) -> None:
    entry = log.record("payout.released", actor=actor)
    assert (entry.actor, entry.actor_label) == (None, label)


def test_an_entry_goes_with_its_act_when_that_is_rolled_back(db: None) -> None:
    with transaction.atomic():
        log.record("payout.created", actor=None)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


def test_without_a_transaction_nothing_is_recorded(cloned_database: str) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        log.record("payout.created", actor=None)
    assert not AuditEntry.objects.exists()


def test_many_entries_are_one_insert(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    facts = [log.Fact(action=f"payout.{number}", actor=None) for number in range(50)]
    with django_assert_num_queries(1):
        entries = log.record_many(facts)
    assert [entry.action for entry in entries] == [fact.action for fact in facts]
    assert all(entry.pk for entry in entries)


@pytest.mark.parametrize("model", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_application_can_change_no_row_of_history(db: None, model: type, statement: str) -> None:
    table = model._meta.db_table  # type: ignore[attr-defined]
    column = model._meta.pk.column  # type: ignore[attr-defined]
    with (
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table).replace("id = id", f"{column} = {column}"))
