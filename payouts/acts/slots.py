"""Pausing, resuming and cancelling a slot of the schedule: one administrator each, none of them lets more go than was
accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar, Final

from django.http import Http404
from django.urls import reverse

from lucid_payments import clock
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from payouts.manager import PayoutManager
from payouts.models.payout import BatchType
from payouts.models.slot import PayoutSlot, SlotState
from payouts.slots import stopping, totals
from payouts.slots.stopping import SlotConflict
from payouts.slots.totals import Totals

FIRST: Final = "Somebody was first, or it has ended by itself: look at the slot again. Nothing was done."
REFUSALS: Final = {
    SlotState.GATHERING: "It isn't paused.",
    SlotState.RELEASING: "It isn't paused.",
    SlotState.PAUSED: "It is paused already.",
    SlotState.DONE: "It is done.",
    SlotState.CANCELLED: "It is cancelled.",
}


class SlotAct(Act):
    """An act on one slot's batch; the key is the slot's."""

    states: ClassVar[tuple[SlotState, ...]]

    def find(self, key: str) -> PayoutSlot:
        return _slot(PayoutSlot.objects.filter(pk=_number(key)).first())

    def lock(self, key: str) -> PayoutSlot:
        try:
            return stopping.lock(_number(key))
        except PayoutSlot.DoesNotExist:
            raise Http404("no such slot") from None

    def label(self, subject: PayoutSlot) -> str:
        return name_of(subject)

    def facts(self, subject: PayoutSlot) -> dict[str, str]:
        own = _totals(subject)
        return {
            "Slot": name_of(subject),
            "State": subject.get_state_display(),
            "Payouts in it": f"{own.payouts:,}, {formats.usdt(own.amount)} USDT",
            "Not released yet": f"{own.waiting:,}, {formats.usdt(own.waiting_amount)} USDT",
            "On their way": f"{own.moving:,}",
        }

    def version(self, subject: PayoutSlot) -> str:
        """Its states alone: a slot gathers by the second, and who wants to stop it must not be kept from it by that."""
        return acts.fingerprint({"version": subject.version})

    def allowed(self, user: Any, subject: PayoutSlot) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.state not in self.states:
            return Verdict(False, REFUSALS[SlotState(subject.state)])
        return verdict

    def perform(self, subject: PayoutSlot, performance: Performance) -> Outcome:
        try:
            return Outcome(self.do(subject, performance), url_of(subject))
        except SlotConflict:
            raise ActRefused(FIRST) from None

    def do(self, subject: PayoutSlot, performance: Performance) -> str:
        raise NotImplementedError


class Pause(SlotAct):
    kind = "slot.pause"
    title = "Pause a slot's batch"
    verb = "Pause"
    states = stopping.PAUSABLE

    def consequences(self, subject: PayoutSlot, data: Mapping[str, Any]) -> list[str]:
        own = _totals(subject)
        told = [
            f"{_waiting(own)} until somebody resumes it. Creators see the hold “paused”, and no estimate.",
            "What is prepared and not signed is taken back. What is signed runs to its end.",
        ]
        joins = f"What is accepted for {_utc(subject)} from now on waits with it."
        return [*told, joins] if _gathers(subject) else told

    def do(self, subject: PayoutSlot, performance: Performance) -> str:
        PayoutManager.pause_slot(
            subject.pk,
            actor=performance.actor,
            reason=performance.reason,
            request_id=performance.request_id,
        )
        return f"{name_of(subject)} is paused."


class Resume(SlotAct):
    kind = "slot.resume"
    title = "Resume a slot's batch"
    verb = "Resume"
    states = (SlotState.PAUSED,)

    def consequences(self, subject: PayoutSlot, data: Mapping[str, Any]) -> list[str]:
        if _gathers(subject):
            told = f"It gathers again, and goes at {_utc(subject)}, as far as limits and treasury allow."
        else:
            told = "Its time has come: it goes now, as far as limits and treasury allow."
        return [f"{_waiting(_totals(subject))} in it. {told}"]

    def do(self, subject: PayoutSlot, performance: Performance) -> str:
        slot = PayoutManager.resume_slot(
            subject.pk,
            actor=performance.actor,
            reason=performance.reason,
            request_id=performance.request_id,
        )
        goes = "goes now" if slot.state == SlotState.RELEASING else "gathers again"
        return f"{name_of(subject)} {goes}."


class Cancel(SlotAct):
    kind = "slot.cancel"
    title = "Cancel a slot's batch"
    verb = "Cancel what isn't signed"
    states = stopping.CANCELLABLE

    def consequences(self, subject: PayoutSlot, data: Mapping[str, Any]) -> list[str]:
        own = _totals(subject)
        told = [
            f"{_waiting(own)} in it: they are called off for ever, with what is prepared and not signed, and with what "
            "joins until you press the button.",
            "What is signed runs to its end; where that doesn't pay, it is called off, too.",
            "Their creators hear of each one, and may order another that names it (retry_of).",
        ]
        later = "What is accepted from then on goes with the slot after it."
        return [*told, later] if _gathers(subject) else told

    def do(self, subject: PayoutSlot, performance: Performance) -> str:
        count = PayoutManager.cancel_slot(
            subject.pk,
            actor=performance.actor,
            reason=performance.reason,
            request_id=performance.request_id,
        )
        return f"{name_of(subject)} is cancelled: {_many(count)} called off."


PAUSE = acts.register(Pause())
RESUME = acts.register(Resume())
CANCEL = acts.register(Cancel())


def name_of(slot: PayoutSlot) -> str:
    return f"{BatchType(slot.batch_type).label} {_utc(slot)}"


def url_of(slot: PayoutSlot) -> str:
    return reverse("admin:payouts_payoutslot_change", args=[slot.pk])


def _utc(slot: PayoutSlot) -> str:
    return f"{slot.due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _totals(slot: PayoutSlot) -> Totals:
    return totals.of([slot])[slot.pk]


def _many(count: int) -> str:
    return "1 payout" if count == 1 else f"{count:,} payouts"


def _waiting(own: Totals) -> str:
    wait = "waits" if own.waiting == 1 else "wait"
    return f"{_many(own.waiting)} of {formats.usdt(own.waiting_amount)} USDT {wait}"


def _gathers(slot: PayoutSlot) -> bool:
    """Before its time a slot takes in what is accepted for it, paused or not."""
    return slot.due_at > clock.now()


def _number(key: str) -> int:
    return int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else 0


def _slot(found: PayoutSlot | None) -> PayoutSlot:
    if found is None:
        raise Http404("no such slot")
    return found
