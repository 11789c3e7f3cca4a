"""Room in the windows: an amount is reserved when its payout is released, posted when it confirms, else given back.

Windows are rows keyed by scope, period and UTC start, so nothing is ever reset. Every change of a counter is a
guarded UPDATE of many rows at once, and how many statements are needed doesn't depend on how many payouts go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from kyc import limits as attested
from kyc.limits import AttestedLimits
from lucid_payments.events import outbox
from lucid_payments.money import to_decimal
from routers import policy
from routers.limits import windows
from routers.limits.windows import Claim, Slot, WindowFull
from routers.models.windows import LimitWindow, WindowPeriod, WindowScope
from routers.policy import Policies

SUBJECT_LIMIT = "subject_limit"
_REASONS: dict[str, str] = {
    WindowScope.RECIPIENT: "recipient_limit",
    WindowScope.CREATOR: "creator_limit",
    WindowScope.SUBJECT: SUBJECT_LIMIT,
}


@dataclass(slots=True)
class Room:
    """What is free in the windows of one moment, taken from as payouts are picked for release.

    Only valid inside the transaction that locked the windows (`locked_room`), or as an estimate (`room`).
    """

    windows: dict[Slot, LimitWindow]
    policies: Policies
    starts: dict[str, datetime]
    # What the attestations of the subjects that are named allow.
    attested: dict[str, AttestedLimits] = field(default_factory=dict)
    taken: Counter[Slot] = field(default_factory=Counter)
    # Windows that had no room for a payout.
    full: set[Slot] = field(default_factory=set)
    _known: dict[tuple[str, str, int, str, str], dict[Slot, int]] = field(default_factory=dict)

    def refusal(self, claim: Claim) -> str | None:
        """None when the claim fits all its windows, else the hold reason of the first one that is full.

        What the subject's attestation doesn't allow in one payout waits for another attestation.
        """
        if claim.subject and _above(self.attested[claim.subject].per_payout, claim.amount):
            return SUBJECT_LIMIT
        for slot in self._slots(claim):
            window = self.windows[slot]
            if window.used + self.taken[slot] + claim.amount > window.cap + window.waived:
                self.full.add(slot)
                return _REASONS.get(slot.scope) or (
                    "hourly_limit" if slot.period == WindowPeriod.HOUR else "daily_limit"
                )
        return None

    def ever_fits(self, claim: Claim) -> bool:
        """Whether windows that nobody had used yet would let it through."""
        if claim.subject and _above(self.attested[claim.subject].per_payout, claim.amount):
            return False
        return all(claim.amount <= self.windows[slot].cap for slot in self._slots(claim))

    def take(self, claim: Claim) -> list[int]:
        """Set the amount aside; answers the ids of the windows it counts in (those that have a row)."""
        slots = self._slots(claim)
        for slot in slots:
            self.taken[slot] += claim.amount
        return [pk for slot in slots if (pk := self.windows[slot].pk) is not None]

    @transaction.atomic
    def announce(self) -> None:
        """Tell once of every window that turned out to be full."""
        _announce([pk for slot in self.full if (pk := self.windows[slot].pk) is not None])

    def shared(self, router: str) -> int:
        """Base units that the windows of everybody and of this router would still let go."""
        slots = _shared(self.starts, self.policies)
        own = [slot for slot in slots if slot.scope == WindowScope.GLOBAL or slot.key == router]
        return min(max(0, self.windows[slot].free - self.taken[slot]) for slot in own)

    def widen(self, claims: Sequence[Claim]) -> None:
        """Know these claims' windows too, as they are and unlocked: for estimates over long queues."""
        self.attested |= attested.of_nodes({claim.subject for claim in claims if claim.subject})
        caps = {slot: cap for claim in claims for slot, cap in self._slots(claim).items()}
        self.windows |= windows.read({slot: caps[slot] for slot in caps.keys() - self.windows.keys()})

    def _slots(self, claim: Claim) -> dict[Slot, int]:
        """The windows of the claim with their caps, worked out once for all claims of the same parties."""
        parties = claim.router, claim.recipient, claim.creator, claim.role, claim.subject
        if parties not in self._known:
            self._known[parties] = windows.slots_of(claim, self.starts, self.policies, self.attested)
        return self._known[parties]


def room(at: datetime, claims: Sequence[Claim] = (), policies: Policies | None = None) -> Room:
    """What is free for these claims at `at`, without locking anything: an estimate for picking candidates.

    By the policies in force, or by others that somebody thinks of.
    """
    return _room(at, claims, policies or policy.current(), locked=False)


def locked_room(at: datetime, claims: Sequence[Claim]) -> Room:
    """The same with the windows' rows locked until the transaction ends."""
    return _room(at, claims, policy.current(), locked=True)


def reserve(room: Room) -> None:
    """Book what was taken. Raises WindowFull, and nothing is booked, where it doesn't fit after all."""
    amounts = {room.windows[slot].pk: amount for slot, amount in room.taken.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE routers_limitwindow AS held SET reserved = held.reserved + asked.amount"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS asked (id, amount)"
            " WHERE held.id = asked.id"
            "   AND held.reserved + held.posted + asked.amount <= held.cap + held.waived",
            [list(amounts), list(amounts.values())],
        )
        if cursor.rowcount != len(amounts):
            raise WindowFull(f"{len(amounts) - cursor.rowcount} of {len(amounts)} windows")


def post(amounts: Iterable[tuple[list[int], int]]) -> None:
    """Reserved amounts (window ids, base units) have been paid."""
    _settle(_per_window(amounts), paid=True)


def give_back(amounts: Iterable[tuple[list[int], int]]) -> None:
    """Reserved amounts (window ids, base units) will not be paid by that attempt."""
    _settle(_per_window(amounts), paid=False)


def _room(at: datetime, claims: Sequence[Claim], policies: Policies, *, locked: bool) -> Room:
    starts = windows.starts_of(at)
    subjects = attested.of_nodes({claim.subject for claim in claims if claim.subject})
    caps = _shared(starts, policies)
    for claim in claims:
        caps |= windows.slots_of(claim, starts, policies, subjects)
    found = windows.lock(caps) if locked else windows.read(caps)
    return Room(found, policies, starts, subjects)


def _above(limit: int | None, amount: int) -> bool:
    return limit is not None and amount > limit


def _shared(starts: Mapping[str, datetime], policies: Policies) -> dict[Slot, int]:
    """The windows of everybody and of each router: what pages and health answers show."""
    scopes = [(WindowScope.GLOBAL, "", policies.everybody)]
    scopes += [(WindowScope.ROUTER, router, own) for router, own in policies.routers.items()]
    return {
        Slot(period.value, starts[period], scope.value, key): cap
        for scope, key, own in scopes
        for period, cap in ((WindowPeriod.DAY, own.daily_limit), (WindowPeriod.HOUR, own.hourly_limit))
    }


def _settle(amounts: Counter[int], *, paid: bool) -> None:
    if not amounts:
        return
    windows.lock_rows(amounts)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE routers_limitwindow AS held SET reserved = held.reserved - told.amount,"
            "   posted = held.posted + CASE WHEN %s THEN told.amount ELSE 0 END"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS told (id, amount) WHERE held.id = told.id",
            [paid, list(amounts), list(amounts.values())],
        )


def _per_window(amounts: Iterable[tuple[list[int], int]]) -> Counter[int]:
    totals: Counter[int] = Counter()
    for pks, amount in amounts:
        for pk in pks:
            totals[pk] += amount
    return totals


def _announce(pks: Sequence[int]) -> None:
    if not pks:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE routers_limitwindow SET reached_at = lucid_now() WHERE id = ANY(%s) AND reached_at IS NULL"
            " RETURNING id",
            [list(pks)],
        )
        reached = [pk for (pk,) in cursor.fetchall()]
    outbox.emit_many(
        outbox.Message(
            type="limit.reached",
            subject_type="limit",
            subject_id=str(window.pk),
            owner=None,
            payload={
                "scope": window.scope,
                "key": window.key,
                "period": window.period,
                "starts_at": window.starts_at.isoformat(),
                "limit_usdt": str(to_decimal(window.cap + window.waived)),
            },
        )
        for window in LimitWindow.objects.filter(pk__in=reached).order_by("pk")
    )
