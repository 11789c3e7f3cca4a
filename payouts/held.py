"""What the limits' pages and acts ask of payouts: which ones wait, for what, and in which order they would go."""

from __future__ import annotations

from django.db.models import Count, Sum

from lucid_payments import clock
from payouts import queue
from payouts.headroom import claim_of
from routers import held
from routers.killswitch import EVERY_ROUTER
from routers.limits import Claim


class Payouts:
    """The source of facts that `routers.held` declares."""

    def queue(self) -> list[Claim]:
        return [claim_of(payout) for payout in queue.in_order(clock.now(), EVERY_ROUTER)]

    def totals(self) -> dict[tuple[str, str], held.Sum]:
        rows = queue.due(clock.now()).filter(hold_reason__isnull=False).order_by()
        groups = rows.values_list("router_type", "hold_reason").annotate(Count("pk"), Sum("amount"))
        return {(router, reason or ""): held.Sum(count, amount) for router, reason, count, amount in groups}
