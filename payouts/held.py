"""What the limits' pages and acts ask of payouts: which ones wait, for what, and in which order they would go."""

from __future__ import annotations

from django.db.models import Count, Q, Sum

from lucid_payments import clock
from payouts import queue
from payouts.headroom import claim_of
from payouts.models.payout import Payout, PayoutStatus
from routers import held
from routers.killswitch import EVERY_ROUTER
from routers.limits import Claim
from routers.policy import Policies

WAITING = (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.SCHEDULED)


class Payouts:
    """The source of facts that `routers.held` declares."""

    def queue(self) -> list[Claim]:
        return [claim_of(payout) for payout in queue.in_order(clock.now(), EVERY_ROUTER)]

    def totals(self) -> dict[tuple[str, str], held.Sum]:
        rows = queue.due(clock.now()).filter(hold_reason__isnull=False).order_by()
        groups = rows.values_list("router_type", "hold_reason").annotate(Count("pk"), Sum("amount"))
        return {(router, reason or ""): held.Sum(count, amount) for router, reason, count, amount in groups}

    def never(self, policies: Policies) -> held.Sum:
        above = Q(pk__in=())
        for router, own in policies.routers.items():
            caps = (policies.hourly_limit(router), policies.daily_limit(router), own.recipient_limit)
            most = min(cap for cap in caps if cap is not None)
            above |= Q(router_type=router, amount__gt=most)
        for role, cap in policies.everybody.creator_limits.items():
            above |= Q(creator__role=role, amount__gt=cap)
        waiting = Payout.objects.filter(above, status__in=WAITING).order_by()
        found = waiting.aggregate(count=Count("pk"), amount=Sum("amount"))
        return held.Sum(found["count"], found["amount"] or 0)
