"""Slots open when their time has come and end with the last of their payouts: once each, however many look."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import queue
from payouts.manager import PayoutManager
from payouts.models import Payout, PayoutSlot
from payouts.models.slot import SlotState
from payouts.slots import running, totals
from payouts.slots.totals import Totals
from tests.payouts.slots.conftest import NOW, USDT, ask, its_slot, state, turn_at, utc

ELEVEN = utc("2026-07-15T11:00")


def told(action: str) -> int:
    """How often it stands in the log, which must be as often as in the outbox."""
    entries = AuditEntry.objects.filter(action=action).count()
    assert Event.objects.filter(type=action, owner=None, subject_type="slot").count() == entries
    return entries


def cancel(payout: Payout) -> None:
    PayoutManager.cancel(payout, actor=payout.creator, reason="test")


def test_a_slot_gathers_until_its_time_and_is_opened_once(service: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    turn_at(ELEVEN - timedelta(microseconds=1))
    assert state(slot) == ("gathering",)
    assert not queue.due(ELEVEN).exists(), "nothing goes before its slot is open, whatever its own time says"
    turn_at(ELEVEN)
    assert state(slot) == ("releasing",)
    assert slot.opened_at == ELEVEN
    assert list(queue.due(ELEVEN)) == [payout]
    turn_at(ELEVEN + timedelta(minutes=1))
    assert (slot.opened_at, told("slot.opened")) == (ELEVEN, 1)
    opened = Event.objects.get(type="slot.opened")
    assert opened.payload["amount_usdt"] == "5.00"
    assert (opened.payload["total_payouts"], opened.payload["batch_type"]) == (1, "HOURLY")


def test_slots_missed_while_the_machine_was_off_open_at_the_next_chance_in_order(service: User) -> None:
    asked = []
    for hours in range(3):
        clock.freeze(NOW + timedelta(hours=hours))
        asked.append(ask(service, priority=2))
    clock.freeze(NOW)
    daily = ask(service, "DAILY")
    turn_at(utc("2026-07-17T03:10"))
    assert set(PayoutSlot.objects.values_list("state", flat=True)) == {"releasing"}
    entries = AuditEntry.objects.filter(action="slot.opened").order_by("pk")
    assert [entry.object_label for entry in entries] == [
        "HOURLY 2026-07-15 11:00", "HOURLY 2026-07-15 12:00", "HOURLY 2026-07-15 13:00", "DAILY 2026-07-16 00:00",
    ]  # fmt: skip
    in_line = queue.in_order(clock.now(), ["PayoutRouterV0"])
    assert in_line == [*asked, daily], "the earlier slot's payouts go first"


def test_within_a_slot_they_go_by_priority_and_then_as_they_came(service: User) -> None:
    ranks = [2, 3, 0, 2, 1]
    asked = [ask(service, priority=rank) for rank in ranks]
    turn_at(ELEVEN)
    in_line = queue.in_order(ELEVEN, ["PayoutRouterV0"])
    assert in_line == [asked[place] for place in (2, 4, 0, 3, 1)]


def test_a_slot_is_done_with_the_last_of_its_payouts_and_keeps_its_totals(service: User) -> None:
    payouts = [ask(service, usdt=usdt) for usdt in (5, 7, 9)]
    slot = its_slot(payouts[0])
    turn_at(ELEVEN)
    cancel(payouts[0])
    cancel(payouts[1])
    turn_at(ELEVEN)
    assert state(slot) == ("releasing",)
    expected = Totals(payouts=3, amount=21 * USDT, cancelled=2, waiting=1, waiting_amount=9 * USDT)
    assert totals.of([slot]) == {slot.pk: expected}
    cancel(payouts[2])
    turn_at(ELEVEN + timedelta(minutes=3))
    assert (state(slot), slot.ended_at) == (("done",), ELEVEN + timedelta(minutes=3))
    assert (slot.total_payouts, slot.total_amount, slot.cancelled_payouts) == (3, 21 * USDT, 3)
    assert (slot.confirmed_payouts, slot.confirmed_amount, slot.failed_payouts) == (0, 0, 0)
    turn_at(ELEVEN + timedelta(minutes=4))
    assert told("slot.ended") == 1
    with CaptureQueriesContext(connection) as queries:
        assert totals.of([slot]) == {slot.pk: Totals(payouts=3, amount=21 * USDT, cancelled=3)}
    assert len(queries) == 0, "what is over isn't counted again"


def test_a_slot_that_is_over_stays_as_it_is(service: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    cancel(payout)
    turn_at(ELEVEN)
    assert state(slot) == ("done",)
    for change in ({"state": SlotState.RELEASING, "ended_at": None}, {"total_amount": 1}):
        with pytest.raises(DatabaseError, match="it is over"), transaction.atomic():
            PayoutSlot.objects.filter(pk=slot.pk).update(**change)
    with pytest.raises(DatabaseError, match="it is over"), transaction.atomic():
        PayoutSlot.objects.filter(pk=slot.pk)._raw_delete("default")


def test_the_database_lets_nothing_go_before_its_slot_is_open(service: User) -> None:
    payout = ask(service)
    with pytest.raises(DatabaseError, match="its slot isn't open"), transaction.atomic():
        Payout.objects.filter(pk=payout.pk).update(status="released")
    turn_at(ELEVEN)
    assert Payout.objects.filter(pk=payout.pk).update(status="released") == 1


def test_a_round_with_nothing_to_do_asks_once(service: User) -> None:
    ask(service)
    with CaptureQueriesContext(connection) as queries:
        running.turn(NOW)
    assert len(queries) == 1
