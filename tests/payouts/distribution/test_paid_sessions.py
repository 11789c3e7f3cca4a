"""A session is paid once to one recipient, by whatever door, and what pays it takes it out of the month."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lucid_payments.accounts.models import User
from lucid_payments.api.errors import BatchRefused, SessionPaid
from payouts.distribution import paid_sessions
from payouts.manager import PayoutManager
from payouts.models import Payout
from payouts.models.payout import PayoutStatus
from payouts.order import PayoutOrder
from tests.payouts.test_races import at_once

USDT = 1_000_000
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
OTHER = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"


def account(name: str) -> User:
    return User.objects.create_user(name, role="service")


def order(session: str | None = "session-1", to: str = RECIPIENT, **more: Any) -> PayoutOrder:
    return PayoutOrder(recipient_address=to, amount=5 * USDT, reason="relay work", session_id=session, **more)


def pay(creator: User, *given: Any, **more: Any) -> Payout:
    return PayoutManager.create(creator=creator, order=order(*given, **more))


@pytest.fixture
def service(db: None) -> User:
    return account("service")


def test_a_second_payout_for_a_session_is_refused_whoever_asks(service: User) -> None:
    first = pay(service)
    with pytest.raises(SessionPaid) as own:
        pay(service)
    assert own.value.details["payout_id"] == first.payout_id
    with pytest.raises(SessionPaid) as foreign:
        pay(account("another"))
    assert list(foreign.value.details) == ["session_id"]
    with pytest.raises(BatchRefused):
        PayoutManager.create_batch(
            creator=service, orders=[order("session-2"), order("session-1")], router_type=None
        )
    assert Payout.objects.count() == 1


def test_a_batch_names_a_session_once(service: User) -> None:
    with pytest.raises(BatchRefused) as refused:
        PayoutManager.create_batch(creator=service, orders=[order(), order()], router_type=None)
    assert list(refused.value.details["payouts"]) == ["1"]
    assert not Payout.objects.exists()


def test_another_recipient_of_the_same_session_is_paid_too(service: User) -> None:
    pay(service)
    pay(service, "session-1", OTHER)
    pay(service, None)
    pay(service, None)
    assert Payout.objects.count() == 4


@pytest.mark.parametrize("ended", ["failed", "cancelled", "rejected"])
def test_what_ended_unpaid_gives_its_session_back(ended: str, service: User) -> None:
    first = pay(service)
    assert paid_sessions.among(["session-1", "session-2"]) == {"session-1"}
    Payout.objects.filter(pk=first.pk).update(status=ended, failure_code="TEST")
    assert paid_sessions.among(["session-1", "session-2"]) == set()
    assert pay(service).pk != first.pk


@pytest.mark.parametrize(
    "status", sorted(set(PayoutStatus) - {"failed", "cancelled", "rejected", "scheduled"})
)
def test_the_database_refuses_a_second_one_at_any_stage(status: str, service: User) -> None:
    first = pay(service)
    second = pay(service, "session-2")
    Payout.objects.filter(pk=first.pk).update(status=status)
    assert paid_sessions.among(["session-1"]) == {"session-1"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Payout.objects.create(
            creator=service, recipient_address=RECIPIENT, amount=second.amount, reason="again",
            router_type=second.router_type, session_id="session-1",
        )  # fmt: skip


def test_of_eight_doors_at_once_one_opens(cloned_database: str) -> None:
    callers = [account(f"service-{number}") for number in range(4)]
    doors: list[Callable[[], object]] = []
    for caller in callers:
        doors.append(partial(PayoutManager.create, creator=caller, order=order()))
        doors.append(partial(PayoutManager.create_batch, creator=caller, orders=[order()], router_type=None))
    answers = at_once(doors)
    refused = [answer for answer in answers if isinstance(answer, (SessionPaid, BatchRefused))]
    assert len(refused) == 7
    assert Payout.objects.count() == 1
