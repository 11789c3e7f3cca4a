"""People who approve, people who ask, and requests that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lucid_payments.accounts.models import User
from payouts.approvals import requests
from payouts.approvals.content import content_hash
from payouts.manager import PayoutManager
from payouts.models import ApprovalRequest, Payout
from payouts.order import PayoutOrder

USDT = 1_000_000
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
OTHER = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"

Pay = Callable[..., Payout]


def account(name: str, role: str = "payout_approver", **fields: Any) -> User:
    return User.objects.create_user(username=name, password=None, role=role, **fields)


def pay(creator: User, usdt: int = 50, *, to: str = RECIPIENT, **order: Any) -> Payout:
    asked = PayoutOrder(recipient_address=to, amount=usdt * USDT, reason="relay work", **order)
    return PayoutManager.create(creator=creator, order=asked)


def request_of(payout: Payout) -> ApprovalRequest:
    assert payout.approval is not None
    return ApprovalRequest.objects.get(pk=payout.approval.pk)


def seen(request: ApprovalRequest) -> str:
    """What an approver who looks now approves."""
    return content_hash(request, requests.payouts_waiting(request))


def approve(request: ApprovalRequest, actor: User) -> ApprovalRequest:
    return PayoutManager.approve(request.pk, actor=actor, seen=seen(request))


@pytest.fixture
def admin(db: None) -> User:
    """Whose every payout needs one approval, and two once the day is above 2,000."""
    return account("admin", "admin")


@pytest.fixture
def approver(db: None) -> User:
    return account("approver")


@pytest.fixture
def second(db: None) -> User:
    return account("second")
