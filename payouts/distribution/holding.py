"""Entitlements that can't be paid now: why, and when they are looked at again. Held is never forfeited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from kyc import screening
from kyc.screening import Verdict
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import InvalidRouter, LucidError, RecipientNotAccepted
from payouts.distribution import lifecycle, standing
from payouts.distribution.lifecycle import RunRefused
from payouts.models.distribution import DistributionRun, Entitlement, EntitlementState, LineHold, RunState

AGAIN: Final = timedelta(minutes=10)
MOST: Final = 500
# By the condition of the router's rule that failed (contract.md, LUCID_ERR_2004).
_CONDITIONS: Final = {
    "node": LineHold.NODE_INACTIVE,
    "kyc": LineHold.KYC,
    "hash": LineHold.KYC,
    "attestation": LineHold.ATTESTATION,
    "reputation": LineHold.REPUTATION,
    "wallet": LineHold.ATTESTATION,
}


@dataclass(frozen=True, slots=True)
class Held:
    """A reason, with a sentence for staff."""

    reason: LineHold
    sentence: str = ""


TOO_SMALL: Final = Held(LineHold.TOO_SMALL, "Its router takes no payouts as small as its attestation allows.")


def of_refusal(error: LucidError) -> Held:
    """What a payout's refusal means for its entitlement."""
    if isinstance(error, RecipientNotAccepted):
        return Held(LineHold.SCREENING)
    if isinstance(error, InvalidRouter):
        reason = _CONDITIONS.get(str(error.details.get("condition")), LineHold.REFUSED)
        return Held(reason, str(error.details.get("router_type", error))[:300])
    return Held(LineHold.REFUSED, str(error)[:300])


def hold(lines: Sequence[tuple[Entitlement, Held]], now: datetime) -> None:
    """In the transaction that has locked them, due."""
    for line, held in lines:
        Entitlement.objects.filter(pk=line.pk, state=EntitlementState.DUE).update(
            state=EntitlementState.HELD,
            hold_reason=held.reason,
            hold_detail=held.sentence,
            look_again_at=now + AGAIN,
        )


@transaction.atomic
def look_again(pk: int) -> int:
    """Let those go on that nothing speaks against any more; answers how many were looked at.

    Not what people decide: payouts that failed or were called off, and addresses that have changed.
    """
    run = lifecycle.lock(pk)
    if run.state != RunState.RUNNING:
        return 0
    now = clock.now()
    lines = list(_held(run, now))
    if not lines:
        return 0
    found = standing.of_some([line.pk for line in lines])
    look = screening.look({line.pay_to for line in lines if line.pay_to}, now)
    for line in lines:
        _, reason = found[line.pk]
        if not reason and look.verdict(line.pay_to) != Verdict.CLEAR:
            reason = LineHold.SCREENING
        changes = {"hold_reason": reason, "look_again_at": now + AGAIN if reason else None}
        if reason != line.hold_reason:
            changes["hold_detail"] = ""
        Entitlement.objects.filter(pk=line.pk, state=EntitlementState.HELD).update(
            state=EntitlementState.HELD if reason else EntitlementState.DUE, **changes
        )
    return len(lines)


@transaction.atomic
def confirm_address(
    pk: int, *, actor: User, second: User, seen: str, reason: str, request_id: str = ""
) -> Entitlement:
    """Pay it to `seen`, the address that counts by now, instead of the frozen one: two people have looked at it.

    Raises RunRefused where it isn't held for its address, or that isn't the address any more.
    """
    line = _lock(pk)
    now_at, why = standing.of_some([line.pk])[line.pk]
    if line.state != EntitlementState.HELD or why != LineHold.ADDRESS_CHANGED or now_at != seen:
        raise RunRefused("It isn't held for that address any more: look at it again. Nothing was done.")
    if actor.pk == second.pk:
        raise RunRefused("Another person must confirm it.")
    Entitlement.objects.filter(pk=line.pk).update(pay_to=seen)
    sentence = f"{line.kind} {line.recipient} is paid at its new address. {reason}"
    told = {"frozen": line.pay_to, "confirmed": seen, "confirmed_by": second.get_username()}
    _go_on(line, "confirm address", sentence, actor, request_id, told)
    return line


@transaction.atomic
def try_again(pk: int, *, actor: User, reason: str, request_id: str = "") -> Entitlement:
    """A payout of it failed or was called off: make another in its place. Raises RunRefused where none did."""
    line = _lock(pk)
    if line.state != EntitlementState.HELD or line.hold_reason != LineHold.CALLED_OFF:
        raise RunRefused("No payout of it failed or was called off: nothing was done.")
    _go_on(line, "try again", f"{line.kind} {line.recipient}. {reason}", actor, request_id, {})
    return line


def _lock(pk: int) -> Entitlement:
    """The entitlement with its run, both rows locked; the run's first, as everywhere."""
    found = Entitlement.objects.get(pk=pk)
    run = lifecycle.lock(found.run_id)
    lifecycle.require(run, RunState.RUNNING, RunState.PAUSED)
    line = Entitlement.objects.select_for_update(of=("self",)).get(pk=pk)
    line.run = run
    return line


def _go_on(
    line: Entitlement, action: str, sentence: str, actor: User, request_id: str, details: dict[str, str]
) -> None:
    Entitlement.objects.filter(pk=line.pk, state=EntitlementState.HELD).update(
        state=EntitlementState.DUE, hold_reason="", hold_detail="", look_again_at=None
    )
    lifecycle.tell(
        line.run,
        action,
        RunState(line.run.state),
        actor=actor,
        detail=sentence,
        request_id=request_id,
        **details,
    )


def _held(run: DistributionRun, now: datetime) -> list[Entitlement]:
    held = Entitlement.objects.select_for_update(of=("self",)).filter(run=run, state=EntitlementState.HELD)
    turn = held.filter(Q(look_again_at=None) | Q(look_again_at__lte=now)).exclude(
        hold_reason=LineHold.CALLED_OFF
    )
    return list(turn.order_by("pk")[:MOST])
