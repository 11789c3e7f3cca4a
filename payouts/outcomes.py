"""What the breakers ask of attempts: how they ended, which ones nobody can judge yet, and what became of probes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.chain import ChainState
from routers import breakers
from routers.breakers import Ended, Probes

FAILED = (AttemptState.REVERTED, AttemptState.DEAD)
ENDED = (AttemptState.SUCCEEDED, *FAILED)


class Attempts:
    """The source of facts that `routers.breakers` declares."""

    def ended(self, router: str, *, since: datetime, after: datetime | None, most: int) -> list[Ended]:
        rows = _of(router).filter(state__in=ENDED, resolved_at__gte=since)
        if after is not None:
            rows = rows.filter(resolved_at__gt=after)
        latest = rows.select_related("payout").order_by("-resolved_at", "-pk")[:most]
        return [
            Ended(label=str(attempt), failed=attempt.state in FAILED, at=attempt.resolved_at)
            for attempt in reversed(latest)
            if attempt.resolved_at is not None
        ]

    def unknown(self, router: str) -> int:
        """By solid block time: while the solid head stands, nothing can be said of anybody."""
        solid_ms = ChainState.objects.get(pk=1).solid_time_ms
        return _of(router).filter(state__in=UNRESOLVED, expiration_ms__lt=solid_ms).count()

    def probes(self, router: str, *, since: datetime) -> Probes:
        rows = _of(router).filter(created_at__gte=since)
        live = rows.filter(Q(state__in=UNRESOLVED) | Q(state=AttemptState.PREPARED))
        return Probes(
            live=live.count(),
            good=rows.filter(state=AttemptState.SUCCEEDED).count(),
            bad=rows.filter(state__in=FAILED).count(),
        )


def tell_breakers(attempts: Iterable[Attempt]) -> None:
    """These attempts have just ended; their payouts are loaded. In the transaction that ends them."""
    breakers.attempts_ended(Counter(attempt.payout.router_type for attempt in attempts))


def _of(router: str) -> QuerySet[Attempt]:
    return Attempt.objects.filter(payout__router_type=router)
