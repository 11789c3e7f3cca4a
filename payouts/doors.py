"""Each router's own door: shut by its kill switch or its breaker, or open a crack for one probe at a time."""

from __future__ import annotations

from dataclasses import dataclass

from payouts.models.payout import HoldReason
from payouts.outcomes import Attempts
from routers import breakers, killswitch
from routers.models import BreakerState


@dataclass(slots=True)
class Doors:
    """`shut` by router; `probes`: how many a half-open router may let go now. Other routers are open."""

    shut: dict[str, HoldReason]
    probes: dict[str, int]

    @classmethod
    def now(cls) -> Doors:
        shut, probes = {}, {}
        for router, row in breakers.all_breakers().items():
            if row.state == BreakerState.OPEN:
                shut[router] = HoldReason.BREAKER
            elif row.state == BreakerState.HALF_OPEN:
                seen = Attempts().probes(router, since=row.changed_at)
                probes[router] = 0 if seen.live or seen.bad or seen.good >= breakers.PROBES else 1
        shut |= dict.fromkeys(killswitch.stopped_routers(), HoldReason.KILL_SWITCH)
        return cls(shut, probes)

    def refusal(self, router: str) -> HoldReason | None:
        return self.shut.get(router) or (None if self.probes.get(router, 1) else HoldReason.BREAKER)

    def take(self, router: str) -> None:
        if router in self.probes:
            self.probes[router] -= 1
