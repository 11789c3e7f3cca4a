"""The outbox: an event exists exactly when its change was committed."""

from __future__ import annotations

import re

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from lucid_payments.accounts.models import User
from lucid_payments.events import outbox
from lucid_payments.events.models import Event


def test_an_event_carries_what_its_reader_needs(db: None) -> None:
    owner = User.objects.create_user("owner")
    outbox.emit(
        "payout.confirmed",
        subject_type="payout",
        subject_id="payout_a",
        owner=owner,
        payload={"status": "confirmed"},
    )
    event = Event.objects.get()
    assert re.fullmatch(r"evt_[0-9a-f]{32}", event.event_id)
    assert (event.type, event.subject_type, event.subject_id) == ("payout.confirmed", "payout", "payout_a")
    assert (event.owner, event.payload) == (owner, {"status": "confirmed"})
    assert event.created_at is not None


def test_many_events_are_one_insert_and_no_two_share_an_id(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    messages = [
        outbox.Message(type="payout.created", subject_type="payout", subject_id=str(number), owner=None)
        for number in range(50)
    ]
    with django_assert_num_queries(1):
        outbox.emit_many(messages)
    assert Event.objects.values("event_id").distinct().count() == 50


def test_an_event_goes_with_its_change_when_that_is_rolled_back(db: None) -> None:
    with transaction.atomic():
        outbox.emit("payout.created", subject_type="payout", subject_id="payout_a", owner=None)
        transaction.set_rollback(True)
    assert not Event.objects.exists()


def test_without_a_transaction_nothing_is_emitted(cloned_database: str) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        outbox.emit("payout.created", subject_type="payout", subject_id="payout_a", owner=None)
    assert not Event.objects.exists()
