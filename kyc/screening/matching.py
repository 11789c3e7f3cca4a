"""The one look at addresses, the same at every moment: which lists count, and what they say. It writes nothing.

One statement, however many addresses. What it finds is kept by `cases`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import connection

from kyc.models import AddressForm, CaseState, EntryKind, Grade
from kyc.screening import freshness, metrics
from kyc.screening.freshness import InForce
from payouts.tron import addresses


class Verdict(StrEnum):
    CLEAR = "clear"
    # Something weaker than the address itself, and nobody has cleared it.
    HOLD = "hold"
    # The address itself, or what a person confirmed.
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry in force that an address meets; `decided` is what people made of the two before."""

    entry: int
    grade: Grade
    decided: CaseState | None

    @property
    def verdict(self) -> Verdict:
        if self.grade == Grade.EXACT or self.decided == CaseState.CONFIRMED:
            return Verdict.REFUSE
        return Verdict.CLEAR if self.decided == CaseState.CLEARED else Verdict.HOLD


@dataclass(frozen=True, slots=True)
class Look:
    """What the lists in force at `at` say of some addresses."""

    at: datetime
    lists: Mapping[str, InForce]
    hits: Mapping[str, list[Hit]]

    @property
    def stale(self) -> str:
        """Why nothing may be paid by these lists; empty when it may."""
        return freshness.refusal(self.lists, self.at)

    @property
    def versions(self) -> dict[str, int]:
        return {name: found.number for name, found in self.lists.items()}

    def verdict(self, address: str) -> Verdict:
        found = {hit.verdict for hit in self.hits.get(address, ())}
        if Verdict.REFUSE in found:
            return Verdict.REFUSE
        return Verdict.HOLD if Verdict.HOLD in found else Verdict.CLEAR

    def standing_hits(self, address: str) -> list[Hit]:
        """What people haven't cleared."""
        return [hit for hit in self.hits.get(address, ()) if hit.verdict != Verdict.CLEAR]


def look(asked: Collection[str], at: datetime) -> Look:
    """Match these TRON addresses by their 20 bytes. One statement. What is no address matches nothing.

    In the caller's transaction it sees what that sees: who signs asks under the lock that activation takes.
    """
    keys: dict[bytes, str] = {}
    for address in asked:
        try:
            keys[addresses.to_evm(addresses.decode(address))] = address
        except addresses.InvalidAddress:
            continue
    with metrics.seconds.labels(EntryKind.ADDRESS.value).time(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT entry.id, entry.key, entry.form, entry.folded, kase.state, NULL, NULL, NULL, NULL
            FROM kyc_listentry AS entry
            LEFT JOIN kyc_screeningcase AS kase ON kase.entry_id = entry.id AND kase.kind = %s
            WHERE entry.in_force_id IS NOT NULL AND entry.key IS NOT NULL AND entry.key = ANY(%s)
            UNION ALL
            SELECT version.id, NULL, NULL, NULL, NULL, version.list_name, version.number, version.fresh_at,
                   version.overridden_until
            FROM kyc_listversion AS version WHERE version.state = 'active'
            """,
            [EntryKind.ADDRESS.value, list(keys)],
        )
        rows = cursor.fetchall()
    hits: dict[str, list[Hit]] = {}
    lists: dict[str, InForce] = {}
    for pk, key, form, folded, decided, name, number, fresh_at, until in rows:
        if key is None:
            lists[name] = InForce(pk, number, fresh_at, until)
        else:
            hit = Hit(pk, _grade(form, folded), CaseState(decided) if decided else None)
            hits.setdefault(keys[bytes(key)], []).append(hit)
    return Look(at, lists, hits)


def _grade(form: str, folded: bool) -> Grade:
    if form != AddressForm.TRON:
        return Grade.TWIN
    return Grade.FOLDED if folded else Grade.EXACT
