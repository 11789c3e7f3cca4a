"""What somebody outside the system writes down about it: no crash and no restored backup takes that away."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from payouts import signer
from payouts.models import Attempt, NodeAnswer, OrphanSignature, Payout
from payouts.models.attempt import OVER_WITHOUT_PAYING
from payouts.tron.signing.journal import Entry
from routers import killswitch
from tests.payouts.flow.world import World

NEVER_PAYS = frozenset(state.value for state in OVER_WITHOUT_PAYING)


@dataclass(frozen=True)
class Facts:
    """One moment: our database, the signer's journal, and the devnet's own books."""

    payouts: dict[int, Payout]
    attempts: list[Attempt]
    journal: list[Entry]
    # The treasury's transfers by txid.
    left: dict[str, list[dict[str, Any]]]
    solid_ms: int
    broadcasts: int

    @classmethod
    def of(cls, world: World) -> Facts:
        left = defaultdict(list)
        for row in world.devnet.transfers(payer=settings.TREASURY_ADDRESS):
            left[row["txid"]].append(row)
        return cls(
            payouts={payout.pk: payout for payout in Payout.objects.all()},
            attempts=list(Attempt.objects.select_related("payout")),
            journal=list(signer.journal().entries()),
            left=dict(left),
            solid_ms=world.devnet.state()["solid"]["timestamp"],
            broadcasts=world.devnet.calls().get("wallet/broadcasthex", 0),
        )


@dataclass
class Witness:
    """`order`: recipient and base units of each payout ever accepted; `carries`: the payout of each txid ever seen."""

    order: dict[str, tuple[str, int]] = field(default_factory=dict)
    carries: dict[str, str] = field(default_factory=dict)
    # Called dead, reverted, withdrawn or harmless at some time.
    buried: dict[str, str] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    # Made by somebody else with our key; it may revert, or a fork may take it back.
    stolen: set[str] = field(default_factory=set)
    # Journal lines and answers of nodes when the kill switch was seen pulled.
    stopped: tuple[int, int] | None = None
    restores: int = 0
    # Journalled when the database was restored and unknown to it: their expirations, and the lines there were.
    lost: dict[str, int] = field(default_factory=dict)
    lines_before: int = 0

    def read(self, facts: Facts) -> None:
        """Who asked for what, and which transactions were made for it."""
        for payout in facts.payouts.values():
            self.order.setdefault(payout.payout_id, (payout.recipient_address, payout.amount))
        for attempt in facts.attempts:
            self.carries.setdefault(attempt.txid, attempt.payout.payout_id)
        for entry in facts.journal:
            self.order.setdefault(entry.payout_id, (entry.recipient, entry.amount))
            self.carries.setdefault(entry.txid, entry.payout_id)

    def look(self, facts: Facts) -> None:
        """Remember this moment, and what was said in it."""
        self.read(facts)
        self.confirmed |= {p.payout_id for p in facts.payouts.values() if p.status == "confirmed"}
        for attempt in facts.attempts:
            if attempt.state in NEVER_PAYS:
                self.buried.setdefault(attempt.txid, attempt.state)
        for txid in OrphanSignature.objects.filter(state="harmless").values_list("txid", flat=True):
            self.buried.setdefault(txid, "harmless")
        pulled = killswitch.is_pulled()
        self.stopped = (len(facts.journal), NodeAnswer.objects.count()) if pulled else None

    def database_was_restored(self, facts: Facts) -> None:
        """What stands on chain and in the journal stays; what the database alone knew is gone."""
        self.restores += 1
        self.read(facts)
        self.confirmed = {p.payout_id for p in facts.payouts.values() if p.status == "confirmed"}
        self.stopped = None
        known = {attempt.txid for attempt in facts.attempts}
        ids = {payout.payout_id for payout in facts.payouts.values()}
        self.lost |= {e.txid: e.expiration_ms for e in facts.journal if e.txid not in known}
        self.lost = {txid: ms for txid, ms in self.lost.items() if self.carries.get(txid) not in ids}
        self.lines_before = len(facts.journal)
        # A withdrawal that the restored database never made says nothing of those bytes any more.
        self.buried = {txid: why for txid, why in self.buried.items() if why != "withdrawn"}
