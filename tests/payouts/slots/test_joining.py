"""Which slot a payout goes with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.manager import PayoutManager
from payouts.models import PayoutSlot
from payouts.order import PayoutOrder
from tests.payouts.approvals.conftest import account, approve, request_of
from tests.payouts.slots.conftest import NOW, RECIPIENT, USDT, ask, its_slot, state, turn_at, utc
from tests.policies import ask_no_approvals


def test_what_is_accepted_in_one_hour_shares_its_slot(service: User) -> None:
    first, second = ask(service), ask(service, usdt=7)
    slot = its_slot(first)
    assert (slot.batch_type, slot.due_at, slot.state) == ("HOURLY", utc("2026-07-15T11:00"), "gathering")
    assert its_slot(second) == slot
    assert {state(first), state(second)} == {("scheduled", "slot")}
    assert first.due_at == slot.due_at
    clock.freeze(NOW + timedelta(minutes=40))
    assert its_slot(ask(service)).due_at == utc("2026-07-15T12:00"), "the hour itself is past joining"


def test_what_goes_at_once_has_none(service: User) -> None:
    assert ask(service, "IMMEDIATE").slot is None
    assert not PayoutSlot.objects.exists()


@pytest.mark.parametrize(
    ("batch_type", "due"), [("DAILY", "2026-07-16T00:00"), ("WEEKLY", "2026-07-20T00:00")]
)
def test_each_batch_type_has_slots_of_its_own(service: User, batch_type: str, due: str) -> None:
    slot = its_slot(ask(service, batch_type))
    assert (slot.batch_type, slot.due_at) == (batch_type, utc(due))


def test_two_batch_types_due_at_one_moment_are_two_slots(service: User) -> None:
    clock.freeze(utc("2026-07-19T23:30"))
    slots = {its_slot(ask(service, kind)) for kind in ("HOURLY", "DAILY", "WEEKLY")}
    assert len(slots) == 3
    assert {slot.due_at for slot in slots} == {utc("2026-07-20T00:00")}


def test_a_request_s_payouts_join_together(service: User) -> None:
    orders = [
        PayoutOrder(recipient_address=RECIPIENT, amount=USDT, reason="part", batch_type="HOURLY")
        for _ in range(3)
    ]
    batch = PayoutManager.create_batch(creator=service, orders=orders, router_type=None)
    (slot,) = PayoutSlot.objects.all()
    assert slot.payouts.filter(batch=batch).count() == 3


def test_a_cancelled_slot_is_joined_no_more(service: User, admin: User) -> None:
    slot = its_slot(ask(service))
    PayoutManager.cancel_slot(slot.pk, actor=admin, reason="a wrong file")
    later = ask(service)
    assert its_slot(later).due_at == slot.due_at + timedelta(hours=1)
    assert (state(later), later.due_at) == (("scheduled", "slot"), slot.due_at + timedelta(hours=1))


def test_who_joins_a_paused_slot_waits_with_it(service: User, admin: User) -> None:
    slot = its_slot(ask(service))
    PayoutManager.pause_slot(slot.pk, actor=admin, reason="looking")
    later = ask(service)
    assert (its_slot(later), state(later)) == (slot, ("scheduled", "paused"))


def test_what_needs_people_joins_when_they_have_agreed(admin: User) -> None:
    clock.freeze(NOW)
    payout, late = ask(admin), ask(admin)
    assert (payout.slot, late.slot) == (None, None)
    approve(request_of(payout), account("approver"))
    assert its_slot(payout).due_at == utc("2026-07-15T11:00")
    turn_at(utc("2026-07-15T11:05"))
    approve(request_of(late), account("second"))
    assert (its_slot(late).due_at, late.due_at) == (utc("2026-07-15T12:00"), utc("2026-07-15T12:00"))
    assert state(late) == ("scheduled", "slot")


def test_what_is_agreed_to_while_its_slot_is_paused_waits_with_it(admin: User) -> None:
    clock.freeze(NOW)
    ask_no_approvals("service")
    slot = its_slot(ask(User.objects.create_user(username="service", role="service")))
    PayoutManager.pause_slot(slot.pk, actor=admin, reason="looking")
    payout = ask(admin)
    approve(request_of(payout), account("approver"))
    assert (its_slot(payout), state(payout)) == (slot, ("scheduled", "paused"))


def test_the_database_knows_each_slot_once_and_lets_no_payout_change_it(service: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    with pytest.raises(IntegrityError), transaction.atomic():
        PayoutSlot.objects.create(batch_type="HOURLY", due_at=slot.due_at)
    other = PayoutSlot.objects.create(batch_type="DAILY", due_at=slot.due_at)
    payout.slot = other
    with pytest.raises(DatabaseError, match="what was asked for is never changed"), transaction.atomic():
        payout.save()
    with pytest.raises(IntegrityError, match="slot_has_a_time"), transaction.atomic():
        PayoutSlot.objects.create(batch_type="IMMEDIATE", due_at=slot.due_at)
