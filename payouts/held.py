"""What the limits' pages and acts ask of payouts: which ones wait, for what, and in which order they would go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_

from django.db.models import Count, Min, Q, Sum

from lucid_payments import clock
from payouts import queue
from payouts.models.payout import Payout, PayoutStatus
from routers import held, selection
from routers.limits import Claim
from routers.policy import Policies

WAITING = (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.SCHEDULED)


class Payouts:
    """The source of facts that `routers.held` declares."""

    def queue(self, most: Mapping[str, int]) -> Iterator[Claim]:
        small = [Q(router_type=router, amount__lte=amount) for router, amount in most.items()]
        if not small:
            return
        rows = queue.due(clock.now()).filter(reduce(or_, small)).order_by("priority", "due_at", "pk")
        told = rows.values_list(
            "router_type", "recipient_address", "creator_id", "creator__role", "amount", "node_id"
        )
        for router, recipient, creator, role, amount, node_id in told.iterator(chunk_size=held.AT_ONCE):
            subject = selection.subject_of(router, node_id)
            yield Claim(router, recipient, creator, role, amount, subject)

    def smallest(self) -> dict[str, int]:
        rows = queue.due(clock.now()).order_by().values_list("router_type").annotate(Min("amount"))
        return dict(rows)

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
