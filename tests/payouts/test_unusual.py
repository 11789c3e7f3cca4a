"""Unusual amounts, failed logins and callers who go too far stand on the first page, where a person sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lucid_payments import clock
from lucid_payments.accounts import attempts
from lucid_payments.accounts.models import User
from lucid_payments.api.models import BlockCause, OffenceTally
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import unusual
from payouts.manager import PayoutManager
from payouts.models import LargestOfDay, Payout, UnusualAmount
from payouts.order import PayoutOrder
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.admin.world import RECIPIENT

USDT = 1_000_000


@pytest.fixture
def service(db: None) -> User:
    return User.objects.create_user("service", role="service")


def create(creator: User, usdt: int) -> Payout:
    order = PayoutOrder(recipient_address=RECIPIENT, amount=usdt * USDT, reason="test")
    return PayoutManager.create(creator=creator, order=order)


def test_more_than_ten_times_the_largest_before_is_unusual(service: User) -> None:
    create(service, 5)
    create(service, 10)
    create(service, 3)
    assert not UnusualAmount.objects.exists()
    payout = create(service, 101)
    found = UnusualAmount.objects.get()
    assert (found.payout, found.before) == (payout, 10 * USDT)
    payout.refresh_from_db()
    assert payout.status == "scheduled", "a sign, and nothing else"
    entry = AuditEntry.objects.get(action="payout.unusual")
    assert (entry.actor, entry.details["largest_before_usdt"]) == (service, "10.00")
    assert Event.objects.get(type="payout.unusual").owner is None
    create(service, 101)
    assert UnusualAmount.objects.count() == 1, "by now it is usual"


def test_the_first_one_is_compared_with_nobody_s(service: User) -> None:
    create(service, 1)
    create(User.objects.create_user("other", role="service"), 190)
    assert not UnusualAmount.objects.exists()


def test_what_is_older_than_thirty_days_is_forgotten(service: User) -> None:
    create(service, 1)
    LargestOfDay.objects.update(day=clock.now().date() - timedelta(days=unusual.DAYS))
    create(service, 190)
    assert not UnusualAmount.objects.exists()

    other = User.objects.create_user("other", role="service")
    create(other, 1)
    rows = LargestOfDay.objects.filter(creator=other)
    rows.update(day=clock.now().date() - timedelta(days=unusual.DAYS - 1))
    create(other, 190)
    assert UnusualAmount.objects.count() == 1


def test_a_batch_is_compared_with_what_came_before_it(service: User) -> None:
    create(service, 1)
    orders = [
        PayoutOrder(recipient_address=RECIPIENT, amount=usdt * USDT, reason="test") for usdt in (2, 11, 12)
    ]
    PayoutManager.create_batch(creator=service, orders=orders, router_type=None)
    amounts = UnusualAmount.objects.order_by("pk").values_list("payout__amount", flat=True)
    assert list(amounts) == [11 * USDT, 12 * USDT]


def test_all_of_it_stands_on_the_first_page(service: User) -> None:
    create(service, 1)
    payout = create(service, 190)
    attempts.begin("somebody", "192.0.2.1")
    now = clock.now()
    OffenceTally.objects.create(
        subject="circuit:c", label="circuit c", cause=BlockCause.AUTHENTICATION, window_at=now, count=40,
        last_at=now,
    )  # fmt: skip
    page = desk("auditor").client.get("/admin/").content.decode()
    for told in (payout.payout_id, "1 that no right one followed, from 1 address.", "circuit c", "40"):
        assert told in page
