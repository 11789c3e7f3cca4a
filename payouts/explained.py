"""What the treasury must hold by our books, in base units: what the watcher's statement and people's acts go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Sum

from payouts import ledger
from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.chain import OrphanSignature, OrphanState
from payouts.models.payout import PayoutStatus
from payouts.sweeps import outstanding


@dataclass(frozen=True, slots=True)
class Explained:
    """`books` without what left by payouts in people's hands; `may_have_left` by signatures still open."""

    books: int
    may_have_left: int

    @property
    def least(self) -> int:
        """With less than this, something left that the books don't know."""
        return self.books - self.may_have_left


def by_books() -> Explained:
    """Read the open attempts first and the books then: what ends in between only widens what is explained."""
    may_have_left = (
        _sum(Attempt.objects.filter(state__in=UNRESOLVED))
        + _sum(OrphanSignature.objects.filter(state=OrphanState.OPEN))
        + outstanding.of().usdt
    )
    # Paid differently from what was asked: gone from the chain, and in the books until people have decided.
    in_hands = _sum(Attempt.objects.filter(payout__status=PayoutStatus.MANUAL, state=AttemptState.SUCCEEDED))
    return Explained(ledger.treasury_balance().posted - in_hands, may_have_left)


def _sum(rows: QuerySet[Any]) -> int:
    return int(rows.aggregate(sum=Sum("amount"))["sum"] or 0)
