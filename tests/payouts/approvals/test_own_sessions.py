"""An end user's own session needs nobody: completed, unpaid, within its worth, to their own wallet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kyc.models import Wallet
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import PermissionRefused
from lucid_payments.audit.models import AuditEntry
from payouts.approvals import rules
from payouts.approvals.rules import Figures
from payouts.distribution.session_payments import pay_waiting
from payouts.models import Payout
from tests.kyc import attestations
from tests.payouts.approvals.conftest import OTHER, RECIPIENT, USDT, pay
from tests.payouts.distribution import session_world as world

# Twelve credits at 0.50.
WORTH = 6


@pytest.fixture
def user(db: None) -> User:
    """With a wallet, and a session of twelve credits that Core told of while the rule was paused."""
    world.set_rule(is_running=False)
    found = world.account("somebody", "end_user")
    world.wallet(user=found)
    tell(found)
    return found


def tell(owner: User, session_id: str = "session-1", **facts: Any) -> str:
    return world.tell(session_id, node_id=None, user_id=str(owner.public_id), **facts)


def status(creator: User, usdt: int = WORTH, session: str | None = "session-1", **order: Any) -> str:
    payout = pay(creator, usdt, session_id=session, **order)
    assert (payout.approval is None) == (payout.status == "scheduled")
    return payout.status


def test_the_price_of_their_own_session_needs_nobody(user: User) -> None:
    assert status(user) == "scheduled"
    told = AuditEntry.objects.get(action="approval.own_session")
    assert (told.details["session"], told.details["amount"]) == ("session-1", WORTH * USDT)


def test_a_base_unit_above_its_worth_needs_one(user: User) -> None:
    assert status(user, WORTH + 1) == "awaiting_approval"


def test_to_another_address_than_their_wallet_it_needs_one(user: User) -> None:
    assert status(user, to=OTHER) == "awaiting_approval"
    Wallet.objects.update(counts_from=clock.now() + timedelta(hours=1))
    assert status(user) == "awaiting_approval"


def test_without_a_session_or_for_one_nobody_told_of_it_needs_one(user: User) -> None:
    assert status(user, session=None) == "awaiting_approval"
    assert status(user, session="session-unknown") == "awaiting_approval"


def test_a_session_without_a_price_is_worth_nothing(db: None) -> None:
    found = world.account("somebody", "end_user")
    world.wallet(user=found)
    tell(found)
    assert status(found) == "awaiting_approval"


def test_a_session_that_is_paid_already_needs_one(user: User) -> None:
    pay(world.account("shop"), 1, to=OTHER, session_id="session-1")
    assert status(user) == "awaiting_approval"


def test_what_was_corrected_counts(user: User) -> None:
    first = tell(user, "session-2", sessions_relayed=100)
    tell(user, "session-2", sessions_relayed=12, corrects=first)
    assert status(user, WORTH + 1, session="session-2") == "awaiting_approval"


def test_two_approvals_above_the_amount_are_still_asked(user: User) -> None:
    rule = rules.in_force()["end_user"]
    for figures in (Figures(201 * USDT, None, 201 * USDT), Figures(1 * USDT, None, 201 * USDT)):
        assert rules.needed(rule, figures, own_session=True) == 2
    assert rules.needed(rule, Figures(200 * USDT, None, 200 * USDT), own_session=True) == 0
    assert rules.needed(rule, Figures(200 * USDT, None, 200 * USDT)) == 1


def test_nobody_names_another_s_session(user: User) -> None:
    other = world.account("other", "end_user")
    operator = attestations.node(owner=world.account("operator", "node_operator")).operator.user
    tell(other, "session-of-other")
    world.tell("session-of-node")
    before = Payout.objects.count()
    for creator, session in (
        (user, "session-of-other"), (user, "session-of-node"), (operator, "session-of-other"),
        (world.account("stranger", "node_operator"), "session-of-node"),
    ):  # fmt: skip
        with pytest.raises(PermissionRefused) as refused:
            pay(creator, 1, session_id=session)
        assert refused.value.details == {"session_id": ["This session isn't one of yours."]}
    assert Payout.objects.count() == before
    assert pay(operator, 1, session_id="session-of-node").status == "scheduled"
    assert pay(world.account("shop"), 1, session_id="session-of-other").status == "scheduled"


def test_what_they_ask_for_themselves_the_rule_leaves_alone(user: User) -> None:
    world.set_rule()
    tell(user, "session-2")
    assert status(user, session="session-2") == "scheduled"
    pay_waiting()
    assert world.payment("session-2").note == "Another payout names it."
    assert Payout.objects.filter(session_id="session-2").count() == 1
    assert Payout.objects.get(session_id="session-2").recipient_address == RECIPIENT
