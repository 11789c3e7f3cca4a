"""Unusual amounts: larger than so many times the largest that the same user asked for in thirty days.

A sign for people, and nothing else: the payout goes its way. Who asked for nothing in those days has no usual amount,
and isn't compared with anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox
from lucid_payments.money import to_decimal
from payouts.models import Payout, UnusualAmount

DAYS: Final = 30


def note(payouts: Sequence[Payout], creator: User, at: datetime) -> None:
    """Look at payouts that one user has just created, in their transaction: three statements more at most."""
    before = _largest_before(creator, max(payout.amount for payout in payouts), at)
    if before is None:
        return
    found = [payout for payout in payouts if payout.amount > settings.UNUSUAL_TIMES * before]
    if not found:
        return
    UnusualAmount.objects.bulk_create(UnusualAmount(payout=payout, before=before, at=at) for payout in found)
    usual = str(to_decimal(before))
    log.record_many(
        log.Fact(
            action="payout.unusual",
            actor=creator,
            subject=payout,
            details={"amount_usdt": str(to_decimal(payout.amount)), "largest_before_usdt": usual},
            request_id=payout.request_id,
        )
        for payout in found
    )
    outbox.emit_many(
        outbox.Message(
            type="payout.unusual",
            subject_type="unusual",
            subject_id=payout.payout_id,
            owner=None,
            payload={"amount_usdt": str(to_decimal(payout.amount)), "largest_before_usdt": usual},
        )
        for payout in found
    )


def _largest_before(creator: User, amount: int, at: datetime) -> int | None:
    """Base units of the creator's largest so far; this one is written down. One statement, and rarely a write."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH noted AS (
                INSERT INTO payouts_largestofday AS kept (creator_id, day, amount)
                SELECT %(creator)s, %(day)s, %(amount)s
                WHERE NOT EXISTS (SELECT FROM payouts_largestofday
                    WHERE creator_id = %(creator)s AND day = %(day)s AND amount >= %(amount)s)
                ON CONFLICT (creator_id, day) DO UPDATE SET amount = greatest(kept.amount, excluded.amount)
            )
            SELECT max(amount) FROM payouts_largestofday WHERE creator_id = %(creator)s AND day > %(since)s
            """,
            {
                "creator": creator.pk,
                "day": at.date(),
                "amount": amount,
                "since": at.date() - timedelta(days=DAYS),
            },
        )
        found: int | None = cursor.fetchone()[0]
    return found
