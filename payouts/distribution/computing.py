"""The computation: shares of the pool, what carries over, who is held and why. It can be done anew until it's approved.

The entitlements of a hundred thousand recipients pass through here as plain tuples; the rest stays in the database.
"""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction

from kyc import screening
from kyc.screening import Verdict
from lucid_payments import clock, commits
from lucid_payments.accounts.models import User
from lucid_payments.money import format_usdt
from payouts.distribution import lifecycle, preview, shares, standing
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.preview import Preview
from payouts.models.distribution import DistributionRun, Entitlement, PoolKind, RunState

# No pool is larger than all the USDT there is on TRON, by far.
MOST: Final = 10**15
_STANDINGS: Final = standing.of("line.run_id = %(run)s")
_WRITE: Final = f"""
WITH asked AS (
    SELECT found.id, given.share, found.now_at,
        CASE WHEN found.reason = '' AND found.id = ANY(%(listed)s) THEN 'screening' ELSE found.reason END AS reason
    FROM ({_STANDINGS}) AS found JOIN unnest(%(ids)s::bigint[], %(shares)s::bigint[]) AS given (id, share) USING (id)
)
UPDATE {Entitlement._meta.db_table} AS line SET
    share = asked.share, amount = line.carried_in + asked.share,
    outcome = CASE WHEN line.carried_in + asked.share < %(minimum)s THEN 'carry' WHEN asked.reason <> '' THEN 'hold'
        ELSE 'pay' END,
    outcome_reason = asked.reason, hold_reason = asked.reason,
    state = CASE WHEN line.carried_in + asked.share < %(minimum)s THEN 'carried' WHEN asked.reason <> '' THEN 'held'
        ELSE 'due' END
FROM asked WHERE line.id = asked.id
"""  # noqa: S608 - a table's name, and parameters


@commits.atomic("compute")
def compute(
    pk: int, *, kind: PoolKind, amount: int, actor: User | None, reason: str = "", request_id: str = ""
) -> DistributionRun:
    """Share `amount`: base units in all (fixed), or for each credit (rate). Approvals of earlier figures are void.

    Raises RunRefused for a run that isn't frozen, or is approved already, and for a pool that can't be.
    """
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.FROZEN, RunState.COMPUTED)
    pool = pool_of(run, kind, amount)
    run.pool_kind, run.pool_amount, run.pool_by, run.pool = kind, amount, actor, pool
    rows = list(
        Entitlement.objects.filter(run=run)
        .values_list("pk", "kind", "recipient", "credits", "pay_to")
        .order_by()
    )
    _write(run, rows)
    DistributionRun.objects.filter(pk=run.pk).update(
        pool_kind=kind, pool_amount=amount, pool_by=actor, pool=pool, computation=run.computation + 1
    )
    lifecycle.move(
        run,
        RunState.COMPUTED,
        "compute",
        actor=actor or lifecycle.SYSTEM,
        detail=f"{format_usdt(pool)} USDT for {run.credits:,} credits. {reason}".strip(),
        request_id=request_id,
        run_hash=hash_of(run),
    )
    return run


@transaction.atomic
def dry_run(pk: int, *, kind: PoolKind, amount: int) -> Preview:
    """What `compute` would find: the same code, rolled back. Raises RunRefused as that does."""
    try:
        return preview.of(compute(pk, kind=kind, amount=amount, actor=None))
    finally:
        transaction.set_rollback(True)


def pool_of(run: DistributionRun, kind: PoolKind, amount: int) -> int:
    """Base units to be shared. Raises RunRefused for none, too many, and a fixed sum that nobody has earned."""
    pool = amount * run.credits if kind == PoolKind.RATE else amount
    if amount <= 0 or pool > MOST:
        raise RunRefused(f"A pool is above 0 and at most {format_usdt(MOST)} USDT.")
    if kind == PoolKind.FIXED and not run.credits:
        raise RunRefused("Nobody has a credit: there is nothing to share a fixed sum by. Give a rate.")
    return pool


def hash_of(run: DistributionRun) -> str:
    """The hash over period, inputs, parameters and entitlements, as the database has them: 64 hexadecimal digits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT distribution_run_hash(%s)", [run.pk])
        (found,) = cursor.fetchone()
    return str(found)


def _write(run: DistributionRun, rows: list[tuple[int, str, str, int, str]]) -> None:
    names = {pk: shares.recipient_name(kind, recipient) for pk, kind, recipient, _, _ in rows}
    credited = {names[pk]: count for pk, _, _, count, _ in rows}
    given = shares.shares(run.pool, credited, bytes.fromhex(run.seed))
    look = screening.look({to for *_, to in rows if to}, clock.now())
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "run": run.pk,
                "minimum": run.minimum,
                "ids": list(names),
                "shares": [given[name] for name in names.values()],
                "listed": [pk for pk, *_, to in rows if to and look.verdict(to) != Verdict.CLEAR],
            },
        )
        if cursor.rowcount != len(rows):
            raise RunRefused("An entitlement is missing. Nothing was done.")
