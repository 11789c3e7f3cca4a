"""A run that was paid and has settled, without a chain: rows as the parts that own them would have left them."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

from lucid_payments import clock
from lucid_payments.audit import head_keys
from payouts import ledger
from payouts.distribution import lifecycle, verify
from payouts.distribution.periods import Period
from payouts.models import (
    Chunk,
    DistributionRun,
    Entitlement,
    EntitlementState,
    RecipientKind,
    RunApproval,
    RunLeaf,
    RunRoot,
    RunState,
)
from tests.payouts.admin import world
from tests.payouts.distribution import month, proofs
from tests.payouts.distribution.month import USDT

_MONTHS = itertools.count()
POOL = 1_000 * USDT + 1


def head_key(settings: Any, folder: Path) -> None:
    """The key that signs, as `manage.py audit key` makes it."""
    settings.AUDIT_HEAD_KEY_FILE = str(folder / "audit-head.pem")
    head_keys.create(Path(settings.AUDIT_HEAD_KEY_FILE))


def work() -> None:
    """Two nodes that are paid, one of them in two chunks; one that isn't verified; a user below the minimum."""
    for name, sessions in (("node-1", 600), ("node-2", 300)):
        month.node(name)
        month.worked(name, sessions=sessions)
    month.node("node-3", status="suspended")
    month.worked("node-3", sessions=97)
    small = month.user("small")
    month.worked(user=str(small.public_id), sessions=3)


def paid(run: DistributionRun, line: Entitlement, amounts: list[int]) -> None:
    """These chunks of the entitlement, each confirmed by a transaction of its own."""
    service = world.user("service", name=f"distribution-{line.rank}")
    for number, amount in enumerate(amounts, start=1):
        payout = world.payout(
            service, "confirmed", recipient_address=line.pay_to, amount=amount, router_type=line.router_type
        )
        Chunk.objects.create(entitlement=line, number=number, payout=payout)
        ledger.book_fees([world.attempt(payout, "succeeded")])
    Entitlement.objects.filter(pk=line.pk).update(
        committed=sum(amounts), paid=sum(amounts), state=EntitlementState.PAID
    )


def running(pool: int = POOL) -> DistributionRun:
    """Approved by two and on its way, with nothing paid yet."""
    work()
    run = month.computed(pool)
    for number in (1, 2):
        approver = world.user("payout_approver", name=f"approver-{number}")
        RunApproval.objects.create(
            run=run, approver=approver, approver_label=str(approver), run_hash=run.run_hash, number=number,
            note="figures agreed with Core",
        )  # fmt: skip
    for state in (RunState.APPROVED, RunState.SCHEDULED, RunState.RUNNING):
        lifecycle.move(run, state, "advance", actor="ann")
    return run


def settled(pool: int = POOL) -> DistributionRun:
    run = running(pool)
    ledger.book_inflow(10_000 * USDT, note="test funds")
    for name, line in month.lines(run).items():
        if line.state == EntitlementState.DUE:
            half = line.amount // 2
            paid(run, line, [half, line.amount - half] if name == "node-1" else [line.amount])
    return settle(run)


def settle(run: DistributionRun) -> DistributionRun:
    lifecycle.move(run, RunState.SETTLED, "settle", settled_at=clock.now())
    return run


def published(kind: RecipientKind, recipient: str) -> str:
    """The period of a month in which this recipient alone has a leaf, whatever became of the run."""
    number = next(_MONTHS)
    period = Period(2010 + number // 12, number % 12 + 1)
    run = DistributionRun.objects.create(
        period=str(period), starts_at=period.starts_at, cut_off=period.starts_at + timedelta(days=27)
    )
    line = Entitlement.objects.create(
        run=run, kind=kind, recipient=recipient, sessions=1, megabytes=0, credits=1, carried_in=0, amount=0, rank=0,
        router_type="PayoutRouterV0",
    )  # fmt: skip
    leaf = {**proofs.leaf(0), "recipient_type": kind.value, "recipient": recipient}
    root = RunRoot.objects.create(
        run=run,
        size=1,
        root="ab" * 32,
        statement=proofs.proof(0, [leaf])["root"],
        public_key=proofs.PUBLIC.hex(),
    )
    RunLeaf.objects.create(
        root=root, entitlement=line, place=0, content=verify.canonical(leaf).decode(), path=b""
    )
    return str(period)
