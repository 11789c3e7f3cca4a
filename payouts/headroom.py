"""What a payout asks of the limits, and how many more may be in flight."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count

from payouts.models.attempt import IN_FLIGHT, Attempt
from payouts.models.payout import Payout
from routers import selection
from routers.limits import Claim
from routers.policy import Policies


def claim_of(payout: Payout) -> Claim:
    """The windows' view of a payout, whose `creator` should be loaded."""
    return Claim(
        router=payout.router_type,
        recipient=payout.recipient_address,
        creator=payout.creator_id,
        role=payout.creator.role,
        amount=payout.amount,
        subject=selection.subject_of(payout.router_type, payout.node_id),
    )


@dataclass(slots=True)
class Slots:
    """How many more payouts may be released and not yet seen in a block: in all, and of each router."""

    everybody: int
    routers: dict[str, int]

    @classmethod
    def free(cls, policies: Policies) -> Slots:
        """As of now; exact only under the release lock."""
        rows = Attempt.objects.filter(state__in=IN_FLIGHT).order_by()
        taken = Counter(dict(rows.values_list("payout__router_type").annotate(Count("pk"))))
        return cls(
            everybody=policies.everybody.in_flight - taken.total(),
            routers={name: own.in_flight - taken[name] for name, own in policies.routers.items()},
        )

    def any_for(self, router: str) -> bool:
        return self.everybody > 0 and self.routers[router] > 0

    def take(self, router: str) -> None:
        self.everybody -= 1
        self.routers[router] -= 1
