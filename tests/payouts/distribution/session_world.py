"""Sessions as Core tells of them, their owners' wallets, and the rule that pays them."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from kyc.models import Node, Wallet
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.distribution import reports, session_rules
from payouts.models import SessionPayment, SessionRule, WorkKind
from tests.kyc import attestations
from tests.policies import administrators

USDT = 1_000_000
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
OTHER = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"
_numbers = itertools.count(1)


def account(name: str, role: str = "service") -> User:
    return User.objects.get_or_create(username=name, defaults={"role": role})[0]


def set_rule(**values: Any) -> SessionRule:
    """A new version by the two administrators; by default it runs and pays 0.50 USDT a credit at once."""
    first, second = administrators()
    before = session_rules.in_force()
    given = {
        "is_running": True,
        "amount_per_credit": USDT // 2,
        "batch_type": "IMMEDIATE",
        "account": account("payer").pk,
        **values,
    }
    return session_rules.change(
        given, base_version=before.version, actor=first, second=second, reason="as the test has it"
    )


def pause() -> SessionRule:
    first, _ = administrators()
    before = session_rules.in_force()
    return session_rules.change(
        {"is_running": False}, base_version=before.version, actor=first, second=None, reason="enough for now"
    )


def tell(session_id: str = "session-1", **facts: Any) -> str:
    """One more event about a session of node-1's: 12 credits unless told otherwise. The event's id."""
    event_id = f"evt-{next(_numbers):06}"
    now = clock.now()
    said = {
        "event_id": event_id,
        "occurred_at": now,
        "session_id": session_id,
        "node_id": "node-1",
        "started_at": now - timedelta(hours=1),
        "ended_at": now,
        "sessions_relayed": 12,
        "megabytes_relayed": 1,
        **facts,
    }
    told = {name: value for name, value in said.items() if value is not None}
    reports.take(WorkKind.SESSION_COMPLETED, [told], reporter=account("core"))
    return event_id


def wallet(address: str = RECIPIENT, *, node: Node | None = None, user: User | None = None) -> Wallet:
    """A wallet that counts; node-1's unless an owner is named."""
    first, second = administrators()
    owner = {"user": user} if user is not None else {"node": node or attestations.node()}
    return Wallet.objects.create(
        **owner,
        address=address,
        proof="confirmed",
        added_by=first,
        confirmed_by=second,
        counts_from=clock.now() - timedelta(days=2),
    )


def payment(session_id: str = "session-1") -> SessionPayment:
    return SessionPayment.objects.select_related("payout", "event", "rule").get(session_id=session_id)


def retry() -> None:
    """As when every pause is over."""
    SessionPayment.objects.filter(state="waiting").update(try_at=clock.now())
