"""A moment in the middle of an hour, people, and payouts of the schedule. No chain: slots know nothing of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.manager import PayoutManager
from payouts.models import Payout, PayoutSlot
from payouts.order import PayoutOrder
from payouts.slots import running

USDT = 1_000_000
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
# A Wednesday.
NOW = datetime(2026, 7, 15, 10, 20, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ask(creator: User, batch_type: str = "HOURLY", usdt: int = 5, **order: Any) -> Payout:
    asked = PayoutOrder(
        recipient_address=RECIPIENT, amount=usdt * USDT, reason="relay work", batch_type=batch_type, **order
    )
    return PayoutManager.create(creator=creator, order=asked)


def its_slot(payout: Payout) -> PayoutSlot:
    payout.refresh_from_db()
    assert payout.slot is not None
    return payout.slot


def turn_at(moment: datetime) -> None:
    """A round of the release, as far as slots are concerned."""
    clock.freeze(moment)
    running.turn(moment)


def state(row: Payout | PayoutSlot) -> tuple[Any, ...]:
    row.refresh_from_db()
    return (row.state,) if isinstance(row, PayoutSlot) else (row.status, row.hold_reason)


@pytest.fixture
def service(db: None) -> User:
    clock.freeze(NOW)
    return User.objects.create_user(username="service", password=None, role="service")


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user(username="admin", password=None, role="admin")
