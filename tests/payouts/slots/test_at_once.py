"""Many at once, on a database that commits: schedulers, people, the release and the signer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import ledger
from payouts.execution import SigningResult
from payouts.manager import PayoutManager
from payouts.models import Attempt, Payout, PayoutSlot
from payouts.slots import joining, running
from payouts.slots.stopping import SlotConflict
from tests.payouts.slots.conftest import USDT, ask, its_slot
from tests.payouts.test_races import HEAD_MS, at_once, candidate, outlook, sign_all

# 2027-01-15 08:00:00 UTC, as the outlook of the races has it: the slot is the hour that begins then.
DUE = clock.from_ms(HEAD_MS)
BEFORE = DUE - timedelta(minutes=10)


@pytest.fixture
def service(cloned_database: str) -> User:
    clock.freeze(BEFORE)
    ledger.book_inflow(50_000 * USDT, note="test funds")
    User.objects.create_user(username="admin", password=None, role="admin")
    return User.objects.create_user(username="service", password=None, role="service")


def admin() -> User:
    return User.objects.get(username="admin")


def open_at(moment: datetime) -> None:
    clock.freeze(moment)
    running.turn(moment)


def pause(slot: PayoutSlot) -> int:
    return PayoutManager.pause_slot(slot.pk, actor=admin(), reason="test")


def cancel(slot: PayoutSlot) -> int:
    return PayoutManager.cancel_slot(slot.pk, actor=admin(), reason="test")


def release(payout: Payout) -> int:
    return len(PayoutManager.release([candidate(payout)], outlook()))


def no_errors(answers: list[Any]) -> None:
    assert not [answer for answer in answers if isinstance(answer, Exception)], answers


def test_of_eight_schedulers_one_opens_each_slot_and_one_ends_it(service: User) -> None:
    payouts = [ask(service), ask(service, "DAILY")]
    clock.freeze(DUE + timedelta(days=1))
    opened = at_once([lambda: running.open_due(clock.now())] * 8)
    no_errors(opened)
    assert AuditEntry.objects.filter(action="slot.opened").count() == 2
    for payout in payouts:
        PayoutManager.cancel(payout, actor=service, reason="test")
    no_errors(at_once([lambda: running.turn(clock.now())] * 8))
    running.turn(clock.now())
    assert set(PayoutSlot.objects.values_list("state", flat=True)) == {"done"}
    assert AuditEntry.objects.filter(action="slot.ended").count() == 2
    assert Event.objects.filter(type="slot.ended").count() == 2


def test_twelve_who_come_first_at_once_share_one_slot(service: User) -> None:
    people = [User.objects.create_user(username=f"service-{n}", role="service") for n in range(12)]
    no_errors(at_once([partial(ask, person) for person in people]))
    (slot,) = PayoutSlot.objects.all()
    assert slot.payouts.count() == 12


def test_a_slot_isn_t_opened_over_the_head_of_somebody_who_is_joining(
    service: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepted a moment before the hour, committed after it: it goes with the slot it was promised."""
    slot = its_slot(ask(service))
    joined, looked = threading.Event(), threading.Event()
    real = joining.join

    def slow(*asked: Any) -> PayoutSlot | None:
        found = real(*asked)
        joined.set()
        assert looked.wait(30)
        return found

    monkeypatch.setattr(joining, "join", slow)

    def look() -> int:
        assert joined.wait(30)
        try:
            return running.open_due(DUE)
        finally:
            looked.set()

    payout, opened = at_once([lambda: ask(service), look])
    assert opened == 0
    assert isinstance(payout, Payout)
    assert its_slot(payout) == slot
    assert running.open_due(DUE) == 1


def test_who_is_joining_while_it_is_cancelled_is_called_off_or_goes_with_the_next(
    service: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = its_slot(ask(service))
    people = [User.objects.create_user(username=f"service-{n}", role="service") for n in range(6)]
    calls: list[Callable[[], object]] = [partial(ask, person) for person in people]
    no_errors(at_once([*calls, partial(cancel, slot)]))
    inside = Payout.objects.filter(slot=slot)
    assert set(inside.values_list("status", flat=True)) == {"cancelled"}
    outside = Payout.objects.exclude(slot=slot)
    assert {(p.status, p.due_at) for p in outside} <= {("scheduled", DUE + timedelta(hours=1))}
    assert inside.count() + outside.count() == 7


@pytest.mark.parametrize("stop", [pause, cancel])
def test_a_stop_and_the_release_compete_and_nothing_goes_afterwards(
    service: User, stop: Callable[[PayoutSlot], int]
) -> None:
    payouts = [ask(service) for _ in range(4)]
    slot = its_slot(payouts[0])
    open_at(DUE)
    no_errors(at_once([*(partial(release, payout) for payout in payouts), partial(stop, slot)]))
    left = ("scheduled", "paused") if stop is pause else ("cancelled", None)
    assert set(Payout.objects.values_list("status", "hold_reason")) == {left}
    assert not Attempt.objects.exclude(state="withdrawn").exists()
    assert [release(payout) for payout in payouts] == [0] * 4
    assert PayoutManager.sign(sign_all).signed == {}
    assert ledger.treasury_balance().pending_out == 0


@pytest.mark.parametrize("stop", [pause, cancel])
def test_a_stop_and_the_signer_compete_and_each_payout_ends_one_way(
    service: User, stop: Callable[[PayoutSlot], int]
) -> None:
    payouts = [ask(service) for _ in range(4)]
    slot = its_slot(payouts[0])
    open_at(DUE)
    for payout in payouts:
        release(payout)
    no_errors(at_once([lambda: PayoutManager.sign(sign_all), partial(stop, slot)]))
    for attempt in Attempt.objects.select_related("payout"):
        signed = attempt.signed_transaction is not None
        assert attempt.state == ("signed" if signed else "withdrawn")
        stopped = "scheduled" if stop is pause else "cancelled"
        assert attempt.payout.status == ("released" if signed else stopped)
    assert ledger.treasury_balance().pending_out == 5 * USDT * Attempt.objects.filter(state="signed").count()


def test_a_stop_waits_for_the_signer_s_journal_and_leaves_what_it_signed(service: User) -> None:
    """Deterministically: the desk is at its journal when a person presses the button."""
    payout = ask(service)
    slot = its_slot(payout)
    open_at(DUE)
    release(payout)
    at_the_desk, pressed = threading.Event(), threading.Event()

    def slow(rows: list[Attempt], at: Any) -> SigningResult:
        at_the_desk.set()
        assert pressed.wait(30)
        return sign_all(rows, at)

    def press() -> int:
        assert at_the_desk.wait(30)
        threading.Timer(0.2, pressed.set).start()
        return cancel(slot)

    signed, called_off = at_once([lambda: len(PayoutManager.sign(slow).signed), press])
    assert (signed, called_off) == (1, 0)
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.get().state) == ("released", "signed")


def test_of_eight_who_pause_at_once_one_counts(service: User) -> None:
    slot = its_slot(ask(service))
    answers = at_once([partial(pause, slot)] * 8)
    assert sum(isinstance(answer, SlotConflict) for answer in answers) == 7
    assert AuditEntry.objects.filter(action="slot.paused").count() == 1
