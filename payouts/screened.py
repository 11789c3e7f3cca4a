"""Screening of those who are paid: what the lists in force make of a payout, at each moment of its way.

`kyc.screening` looks and keeps cases; this says what a hit means for an order, a payout and an attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from kyc import screening
from kyc.models import EntryKind, Moment, ScreeningCase
from kyc.screening import Encounter, Look, Verdict, cases
from kyc.screening.rescreening import Subject
from lucid_payments import clock, nudge
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import LucidError, RecipientNotAccepted
from lucid_payments.backoffice.formats import Tone
from payouts.approvals.checks import Word
from payouts.models.attempt import Attempt
from payouts.models.payout import BatchType, HoldReason, Payout, PayoutStatus
from payouts.order import PayoutOrder

RELEASE_TASK: Final = "payouts.tasks.release"
OPEN: Final = (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.SCHEDULED)


@dataclass(slots=True)
class Refused:
    """The orders of one request whose recipients are listed, and the look that showed it."""

    look: Look | None = None
    orders: list[PayoutOrder] = field(default_factory=list)


@contextmanager
def kept(creator: User, request_id: str) -> Iterator[Refused]:
    """Around the transaction that creates payouts: its refusal rolls it back, and the cases are kept all the same."""
    refused = Refused()
    try:
        yield refused
    except LucidError:
        keep_refused(refused, creator, request_id)
        raise


def keep_refused(refused: Refused, creator: User, request_id: str = "") -> None:
    """Open the cases of orders that were refused; no statement where there are none."""
    if refused.look is not None and refused.orders:
        met = [
            Encounter(order.recipient_address, creator=creator, amount=order.amount, request_id=request_id)
            for order in refused.orders
        ]
        cases.keep(refused.look, met, Moment.CREATION)


def refuse_listed(order: PayoutOrder, refused: Refused) -> None:
    """Raises RecipientNotAccepted, which never says why."""
    if refused.look is not None and refused.look.verdict(order.recipient_address) == Verdict.REFUSE:
        refused.orders.append(order)
        raise RecipientNotAccepted


def note_created(payouts: Sequence[Payout], look: Look, creator: User) -> None:
    """Open the cases of accepted payouts that wait for a person's look; no statement where there are none."""
    _keep(payouts, look, Moment.CREATION, creator)


def words(payouts: Sequence[Payout]) -> dict[int, Word]:
    """What the lists say of these payouts, for whoever approves them: a check of `payouts.approvals`, and so reading
    alone. Whoever is listed after he was accepted has his case from the round after a list came into force.
    """
    look = screening.look({payout.recipient_address for payout in payouts}, clock.now())
    lists = ", ".join(f"{name} {number}" for name, number in look.versions.items())
    # Compared with nothing is no good news.
    clear = Word(f"Not listed: {lists}.", Tone.GOOD) if lists else Word("No list is in force.", Tone.WAITING)
    found = {payout.pk: refusal(payout.recipient_address, look) for payout in payouts}
    return {pk: clear if why is None else Word(why[1], Tone.BAD, forbids=True) for pk, why in found.items()}


def refusal(address: str, look: Look) -> tuple[HoldReason, str] | None:
    """The hold of a payout to `address` and its sentence, or None. The sentence is for staff."""
    if look.verdict(address) != Verdict.CLEAR:
        return HoldReason.SCREENING, "The recipient's address meets a sanctions list."
    return (HoldReason.LIST_STALE, look.stale) if look.stale else None


def note_waiting(payouts: Sequence[Payout], look: Look) -> None:
    """Open the cases of due payouts that a newer list holds; what has a case already is left alone."""
    new = [
        payout
        for payout in payouts
        if any(hit.decided is None for hit in look.standing_hits(payout.recipient_address))
    ]
    _keep(new, look, Moment.RELEASE, None)


def note_unsigned(attempts: Iterable[Attempt], look: Look) -> None:
    """Keep what the signer refused; in its transaction."""
    _keep([attempt.payout for attempt in attempts], look, Moment.SIGNING, None)


def _keep(payouts: Sequence[Payout], look: Look, moment: Moment, creator: User | None) -> None:
    met = [
        Encounter(
            payout.recipient_address,
            about=payout.payout_id,
            creator=creator,
            amount=payout.amount,
            request_id=payout.request_id if creator else "",
        )
        for payout in payouts
        if look.standing_hits(payout.recipient_address)
    ]
    if met:
        cases.keep(look, met, moment)


def go_on(case: ScreeningCase) -> None:
    """A case was cleared: what waits for its slot says so again, and what is due is looked at now."""
    from payouts.manager import PayoutManager

    if case.kind != EntryKind.ADDRESS:
        return
    held = Payout.objects.filter(
        recipient_address=case.subject,
        status=PayoutStatus.SCHEDULED,
        hold_reason=HoldReason.SCREENING,
        due_at__gt=clock.now(),
    ).exclude(batch_type=BatchType.IMMEDIATE)
    PayoutManager.hold(held, HoldReason.SLOT)
    nudge.after_commit(RELEASE_TASK)


class Recipients:
    """Everybody who was ever paid or is to be: a source of `kyc.screening.rescreening`."""

    def total(self) -> int:
        return Payout.objects.order_by().values("recipient_address").distinct().count()

    def after(self, cursor: str, limit: int) -> Sequence[Subject]:
        rows = Payout.objects.filter(recipient_address__gt=cursor).order_by("recipient_address")
        addresses = list(rows.values_list("recipient_address", flat=True).distinct()[:limit])
        waiting = self._waiting(addresses)
        return [
            Subject(address, EntryKind.ADDRESS, address, about=waiting.get(address, "paid before"))
            for address in addresses
        ]

    def _waiting(self, addresses: Sequence[str]) -> Mapping[str, str]:
        rows = Payout.objects.filter(recipient_address__in=addresses, status__in=OPEN).order_by("-pk")
        return dict(rows.values_list("recipient_address", "payout_id"))
