"""Cases as they come to be, and two administrators' hands on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lucid_payments.backoffice.models import TwoPersonAct
from payouts.models import Attempt, Evidence, LedgerTransfer, ManualCase, Payout
from payouts.release import release_due
from payouts.searching import search_asked
from payouts.sending import send_due
from routers.models import LimitWindow
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.flow.world import World

REASON = "read with the other operator on the phone"
EXPLORER = "tronscan.org, the same blocks: it isn't there"
# Past the expiration, solid, and fifteen minutes of blocks more.
LONG = 60 + 18 + 300


@dataclass
class Hands:
    """Two administrators at their desks, and a worker that searches for them."""

    world: World
    first: Desk
    second: Desk

    def search(self, case: ManualCase, **answers: Any) -> Evidence:
        """Have the chain searched, at every node."""
        case.refresh_from_db()
        given = {
            "first_block": str(case.first_block),
            "last_block": str(case.last_block or ""),
            "nodes": ["node1", "node2"],
            "elsewhere": "",
            "reason": REASON,
        }
        answer = self.first.act("case.search", case.pk, **{**given, **answers})
        assert answer.status_code == 302, answer.content.decode()
        assert search_asked() == 1
        return Evidence.objects.latest("pk")

    def ask(self, kind: str, evidence: Evidence, **answers: Any) -> Any:
        return self.first.act(kind, evidence.pk, reason=REASON, **answers)

    def both(self, kind: str, evidence: Evidence, **answers: Any) -> Any:
        """One asks, the other confirms."""
        asked = self.ask(kind, evidence, **answers)
        assert asked.status_code == 302, asked.content.decode()
        return self.second.answer(TwoPersonAct.objects.latest("pk").pk, "confirm")


def hands(world: World) -> Hands:
    return Hands(world, people.desk(name="first"), people.desk(name="second"))


def unseen(world: World) -> Payout:
    """Sent, accepted, and never in a block, while one operator is away: no rule can end it."""
    world.devnet.fault("hold", "wallet/broadcasthex")
    payout = world.create()
    assert (release_due(), world.signer_lives(), send_due()) == (1, 1, 1)
    world.devnet.node(1, online=False)
    world.step(LONG)
    world.step(1)
    search_asked()
    return payout


def paid_unjudged(world: World) -> Payout:
    """In a final block, but one operator is away: too few to say so."""
    payout = world.create()
    world.tick()
    world.devnet.node(1, online=False)
    world.step(LONG)
    world.step(1)
    search_asked()
    return payout


def case_of(payout: Payout) -> ManualCase:
    return ManualCase.objects.get(payout=payout)


def stand() -> dict[str, Any]:
    """All that these acts change."""
    return {
        "payouts": list(Payout.objects.order_by("pk").values("status", "version", "retries")),
        "attempts": list(Attempt.objects.order_by("pk").values("state")),
        "ledger": LedgerTransfer.objects.count(),
        "windows": list(LimitWindow.objects.order_by("pk").values("reserved", "posted")),
        "cases": list(ManualCase.objects.order_by("pk").values("closed_at", "end")),
    }
