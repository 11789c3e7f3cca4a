"""A month to distribute: reported work, attested nodes, users with wallets, and a run through its first steps."""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime, timedelta
from typing import Any

from kyc.models import Node, NodeOperator, OperatorStatus, Wallet
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.distribution import approving, computing, freezing, steering
from payouts.distribution.periods import Period
from payouts.distribution.seeds import Seed
from payouts.models import DistributionRun, Entitlement, PoolKind, WorkEvent
from payouts.tron import addresses
from tests.kyc import attestations
from tests.policies import administrators

USDT = 1_000_000
OCTOBER = Period(2026, 10)
IN_OCTOBER = OCTOBER.starts_at + timedelta(days=10)
SEED = Seed(4_711, "00000000039a4f3e9a5be2a53a1f3a1b5ef9c1a2d3e4f5061728394a5b6c7d8e")
_NUMBERS = itertools.count(1)


def address(name: str) -> str:
    """Some address, the same for the same name."""
    return addresses.encode(b"\x41" + hashlib.sha256(name.encode()).digest()[:20])


def reporter() -> User:
    return User.objects.get_or_create(username="core", defaults={"role": "service"})[0]


def worked(
    node: str | None = None,
    *,
    user: str | None = None,
    sessions: int = 1,
    megabytes: str = "0",
    at: datetime = IN_OCTOBER,
    **fields: Any,
) -> WorkEvent:
    """One session that ended at `at`, as Core reports it."""
    number = next(_NUMBERS)
    return WorkEvent.objects.create(
        **{
            "event_id": f"evt-{number}",
            "kind": "session-completed",
            "digest": b"",
            "occurred_at": at,
            "reporter": reporter(),
            "session_id": f"session-{number}",
            "node_id": node,
            "user_id": user,
            "started_at": at,
            "ended_at": at,
            "sessions_relayed": sessions,
            "megabytes_relayed": megabytes,
            **fields,
        }
    )


def node(
    node_id: str, *, attested: bool = True, status: str = OperatorStatus.APPROVED, **limits: Any
) -> Node:
    """A node with an operator of its own, attested to be paid at `address(node_id)`."""
    owner = User.objects.create_user(f"owner-{node_id}", role="node_operator")
    operator = NodeOperator.objects.create(
        user=owner, operator_id=owner.username, status=status, kyc_hash=attestations.HASH
    )
    made = Node.objects.create(node_id=node_id, operator=operator, reputation="0.9")
    if attested:
        attestations.attest(made, wallet=address(node_id), **limits)
    return made


def user(name: str, *, wallet: bool = True) -> User:
    """An end user with a confirmed wallet that counts: `address(name)`."""
    made = User.objects.create_user(name, role="end_user")
    if wallet:
        first, second = administrators()
        Wallet.objects.create(
            user=made, address=address(name), proof="confirmed", added_by=first, confirmed_by=second,
            counts_from=clock.now() - timedelta(days=1),
        )  # fmt: skip
    return made


def frozen(period: Period = OCTOBER, seed: Seed = SEED) -> DistributionRun:
    run = freezing.open_run(period)
    freezing.draw_line(run.pk)
    return freezing.freeze(run.pk, seed)


def computed(
    pool: int = 1_000 * USDT, *, kind: PoolKind = PoolKind.FIXED, period: Period = OCTOBER
) -> DistributionRun:
    run = frozen(period)
    return computing.compute(run.pk, kind=kind, amount=pool, actor=administrators()[0])


def lines(run: DistributionRun) -> dict[str, Entitlement]:
    return {line.recipient: line for line in run.entitlements.all()}


def approvers() -> tuple[User, User]:
    first, second = (
        User.objects.get_or_create(username=f"approver-{number}", defaults={"role": "payout_approver"})[0]
        for number in (1, 2)
    )
    return first, second


def approved(run: DistributionRun) -> DistributionRun:
    for one in approvers():
        run = approving.approve(run.pk, actor=one, seen=run.run_hash)
    return run


def running(run: DistributionRun) -> DistributionRun:
    """Approved by two, and begun."""
    run = steering.schedule(approved(run).pk, at=clock.now(), actor=administrators()[0])
    assert steering.start(run.pk)
    run.refresh_from_db()
    return run
