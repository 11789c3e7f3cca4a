"""Pausing, resuming and cancelling a slot: what of it moves, what doesn't, and who hears."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import ledger, queue
from payouts.manager import PayoutManager
from payouts.models import Attempt, Payout, PayoutSlot
from payouts.models.payout import HoldReason
from payouts.slots import running, stopping
from payouts.slots.stopping import SlotConflict
from routers.models import LimitWindow
from tests.payouts.slots.conftest import NOW, USDT, ask, its_slot, state, turn_at, utc
from tests.payouts.test_races import candidate, outlook, sign_all

ELEVEN = utc("2026-07-15T11:00")
ONE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def funds(db: None) -> None:
    ledger.book_inflow(50_000 * USDT, note="test funds")


def pause(slot: PayoutSlot, admin: User) -> int:
    return PayoutManager.pause_slot(slot.pk, actor=admin, reason="a look at the list")


def resume(slot: PayoutSlot, admin: User) -> None:
    PayoutManager.resume_slot(slot.pk, actor=admin, reason="the list is right")


def cancel(slot: PayoutSlot, admin: User) -> int:
    return PayoutManager.cancel_slot(slot.pk, actor=admin, reason="the list is wrong")


def release(*payouts: Payout) -> int:
    return len(PayoutManager.release([candidate(payout) for payout in payouts], outlook()))


def reserved() -> int:
    return ledger.treasury_balance().pending_out


def everything() -> tuple[Any, ...]:
    return (
        list(Payout.objects.order_by("pk").values()),
        list(PayoutSlot.objects.order_by("pk").values()),
        AuditEntry.objects.count(),
        Event.objects.count(),
    )


# Paused


def test_nothing_of_a_paused_slot_goes_at_its_time_or_after(service: User, admin: User) -> None:
    payout, other = ask(service), ask(service, "IMMEDIATE")
    slot = its_slot(payout)
    pause(slot, admin)
    assert (state(slot), state(payout)) == (("paused",), ("scheduled", "paused"))
    turn_at(ELEVEN + ONE)
    assert state(slot) == ("paused",)
    assert list(queue.due(ELEVEN + ONE)) == [other]
    assert release(payout) == 0, "not even where somebody hands it to the release"
    assert state(payout) == ("scheduled", "paused")
    assert (slot.stopped_by, slot.stopped_because) == ("admin", "a look at the list")
    entry = AuditEntry.objects.get(action="slot.paused")
    assert (entry.actor, entry.details["reason"]) == (admin, "a look at the list")
    assert Event.objects.get(type="slot.paused").payload["state"] == "paused"
    held = Event.objects.get(type="payout.held", payload__hold_reason="paused")
    assert held.owner == service


def test_resumed_before_its_time_it_gathers_again(service: User, admin: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    pause(slot, admin)
    resume(slot, admin)
    assert (state(slot), state(payout)) == (("gathering",), ("scheduled", "slot"))
    turn_at(ELEVEN)
    assert release(payout) == 1


def test_resumed_after_its_time_it_goes_at_once(service: User, admin: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    pause(slot, admin)
    turn_at(ELEVEN + ONE)
    resume(slot, admin)
    assert (state(slot), state(payout), slot.opened_at) == (("releasing",), ("scheduled", None), ELEVEN + ONE)
    assert release(payout) == 1
    assert AuditEntry.objects.get(action="slot.resumed").details == {"reason": "the list is right"}


def test_what_was_prepared_is_taken_back_and_what_is_signed_runs_on(service: User, admin: User) -> None:
    signed, prepared, waiting = ask(service), ask(service), ask(service)
    slot = its_slot(signed)
    turn_at(ELEVEN)
    release(signed)
    PayoutManager.sign(sign_all)
    release(prepared)
    assert pause(slot, admin) == 1
    assert state(signed) == ("released", None)
    assert {state(prepared), state(waiting)} == {("scheduled", "paused")}
    assert prepared.attempts.get().state == "withdrawn"
    assert (prepared.retries, reserved()) == (0, 5 * USDT)
    assert PayoutManager.sign(sign_all).signed == {}


def test_what_comes_back_while_it_is_paused_waits_with_it(service: User, admin: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    turn_at(ELEVEN)
    release(payout)
    PayoutManager.sign(sign_all)
    pause(slot, admin)
    PayoutManager.declare_dead(payout.attempts.values_list("pk", flat=True))
    assert state(payout) == ("scheduled", "retry")
    turn_at(ELEVEN + ONE)
    assert state(payout) == ("scheduled", "paused")
    turn_at(payout.due_at + ONE)
    assert release(payout) == 0
    resume(slot, admin)
    assert release(payout) == 1


def test_a_person_s_look_isn_t_covered_up(service: User, admin: User) -> None:
    payout = ask(service)
    Payout.objects.update(hold_reason=HoldReason.SCREENING)
    slot = its_slot(payout)
    pause(slot, admin)
    turn_at(NOW + ONE)
    assert state(payout) == ("scheduled", "screening")
    resume(slot, admin)
    assert state(payout) == ("scheduled", "screening")


# Cancelled


def test_cancelling_calls_off_what_isn_t_signed(service: User, admin: User) -> None:
    signed, prepared, waiting = ask(service), ask(service), ask(service)
    slot = its_slot(signed)
    turn_at(ELEVEN)
    release(signed)
    PayoutManager.sign(sign_all)
    release(prepared)
    assert cancel(slot, admin) == 2
    assert state(signed) == ("released", None)
    assert {state(prepared), state(waiting)} == {("cancelled", None)}
    assert (waiting.failure_code, waiting.failure_message) == (
        "CANCELLED",
        "Cancelled: its slot was cancelled",
    )
    assert reserved() == 5 * USDT
    assert {window.reserved for window in LimitWindow.objects.exclude(reserved=0)} == {5 * USDT}
    assert (state(slot), slot.ended_at) == (("cancelled",), None)
    entry = AuditEntry.objects.get(action="slot.cancelled")
    assert entry.details == {"reason": "the list is wrong", "cancelled": 2}
    assert Event.objects.filter(type="payout.cancelled", owner=service).count() == 2


def test_what_was_signed_and_didn_t_pay_is_called_off_instead_of_tried_again(
    service: User, admin: User
) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    turn_at(ELEVEN)
    release(payout)
    PayoutManager.sign(sign_all)
    assert cancel(slot, admin) == 0
    PayoutManager.declare_dead(payout.attempts.values_list("pk", flat=True))
    payout.refresh_from_db()
    clock.freeze(payout.due_at + ONE)
    assert release(payout) == 0, "before anybody has looked at the slot again"
    turn_at(payout.due_at + ONE)
    assert (state(payout), Attempt.objects.count()) == (("cancelled", None), 1)
    assert (state(slot), slot.cancelled_payouts) == (("cancelled",), 1)
    assert slot.ended_at is not None
    assert Event.objects.filter(type="slot.ended").count() == 1


def test_a_paused_slot_can_be_cancelled(service: User, admin: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    pause(slot, admin)
    assert cancel(slot, admin) == 1
    running.turn(NOW)
    assert (state(slot), slot.ended_at) == (("cancelled",), NOW)


# Many


def test_the_rows_of_a_large_slot_follow_it_round_by_round_and_none_of_them_goes(
    service: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "AT_ONCE", 2)
    payouts = [ask(service) for _ in range(5)]
    slot = its_slot(payouts[0])

    def holds() -> list[str | None]:
        return sorted(state(payout)[1] or "" for payout in payouts)

    pause(slot, admin)
    assert holds() == ["paused", "paused", "slot", "slot", "slot"]
    turn_at(ELEVEN)
    assert release(*payouts) == 0
    turn_at(ELEVEN)
    assert holds() == ["paused"] * 5
    resume(slot, admin)
    assert holds() == ["", "", "paused", "paused", "paused"]
    turn_at(ELEVEN)
    turn_at(ELEVEN)
    assert holds() == [""] * 5
    assert cancel(slot, admin) == 5
    assert release(*payouts) == 0
    assert Payout.objects.filter(status="cancelled").count() == 2
    turn_at(ELEVEN)
    turn_at(ELEVEN)
    assert Payout.objects.filter(status="cancelled").count() == 5
    turn_at(ELEVEN)
    assert (state(slot), slot.cancelled_payouts) == (("cancelled",), 5)


# Refused


def test_each_act_needs_a_slot_in_its_state_and_changes_nothing_else(service: User, admin: User) -> None:
    done, gathering, stopped = ask(service), ask(service, "DAILY"), ask(service, "WEEKLY")
    PayoutManager.cancel(done, actor=service, reason="test")
    turn_at(ELEVEN)
    cancel(its_slot(stopped), admin)
    refused = [
        (pause, done), (resume, done), (cancel, done), (resume, gathering), (pause, stopped), (resume, stopped),
        (cancel, stopped),
    ]  # fmt: skip
    before = everything()
    for act, payout in refused:
        with pytest.raises(SlotConflict):
            act(its_slot(payout), admin)
    assert everything() == before
