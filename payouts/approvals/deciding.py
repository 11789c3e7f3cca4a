"""Approving and rejecting: who may, what counts, and the guarded step to `scheduled` or `rejected`.

Reached through PayoutManager alone. The payouts' rows are locked first, so of eight who approve at once each sees
what the ones before have done, and cancelling waits its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from lucid_payments import clock, nudge
from lucid_payments.accounts.models import User
from lucid_payments.api import errors
from lucid_payments.audit import log
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.policy import Verdict
from payouts import timeline
from payouts.approvals import checks, content, requests
from payouts.approvals.errors import Refused
from payouts.approvals.telling import APPROVERS
from payouts.models.approval import Approval, ApprovalRequest, Decision, RequestState
from payouts.models.payout import Payout, PayoutStatus
from payouts.models.slot import PayoutSlot
from payouts.slots import joining

RELEASE_TASK: Final = "payouts.tasks.release"
SHORTEST_REASON: Final = 10
OVER: Final = {
    RequestState.APPROVED: "It is approved already: somebody was first.",
    RequestState.REJECTED: "It was rejected: somebody was first.",
    RequestState.WITHDRAWN: "It was called off.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How many approvals of what the request is now there are, and by whom."""

    needed: int
    approvers: tuple[str, ...]

    @property
    def given(self) -> int:
        return len(self.approvers)

    @property
    def missing(self) -> int:
        return self.needed - self.given


def may_decide(user: Any, request: ApprovalRequest) -> Verdict:
    """Whether this person may say yes or no to this request, whatever its state: button, page and service ask it."""
    verdict = acts.may_act(user, APPROVERS)
    if verdict and user.pk == request.creator_id:
        return Verdict(False, "You asked for this payout: another person decides.")
    return verdict


def may_approve(user: Any, request: ApprovalRequest, seen: str) -> Verdict:
    """Also once: who approved this content is one of the people it needs."""
    verdict = may_decide(user, request)
    if not verdict:
        return verdict
    if request.state != RequestState.WAITING:
        return Verdict(False, OVER[RequestState(request.state)])
    if _given(request, seen).filter(approver=user).exists():
        return Verdict(False, "You have approved it: another person must, too.")
    return verdict


def standing(request: ApprovalRequest, seen: str) -> Standing:
    """`seen`: the content's hash. Approvals of what it was before count no more."""
    return Standing(request.needed, tuple(_given(request, seen).values_list("approver_label", flat=True)))


@transaction.atomic
def approve(
    request_pk: int, *, actor: User, seen: str, note: str = "", request_id: str = ""
) -> ApprovalRequest:
    """One person's approval of what they saw (`seen`, the content's hash). The last one needed schedules the payouts.

    Raises Refused, with nothing written, for who may not, what is over or has changed, and what a check forbids.
    """
    request, payouts = _locked(request_pk, actor, seen)
    _require(may_approve(actor, request, seen))
    said = checks.ask(payouts)
    forbidden = [word.sentence for words in said.values() for _, word in words if word.forbids]
    if forbidden:
        raise Refused("forbidden", f"It can't be approved. {forbidden[0]}")
    number = _given(request, seen).count() + 1
    Approval.objects.create(
        request=request,
        approver=actor,
        approver_label=actor.get_username(),
        decision=Decision.APPROVE,
        content_hash=seen,
        number=number,
        reason=note,
        found=checks.kept(said),
    )
    _record("approval.given", request, actor, {"number": number, "content": seen, "note": note}, request_id)
    if number == request.needed:
        at = clock.now()
        requests.end(request, RequestState.APPROVED, at)
        # Only now: a slot that passed, or was cancelled, while people were awaited isn't theirs.
        slots = {kind: joining.join(kind, at) for kind in {payout.batch_type for payout in payouts}}
        timeline.move(
            [_scheduled(payout, slots[payout.batch_type], number) for payout in payouts], actor=actor, at=at
        )
        nudge.after_commit(RELEASE_TASK)
    return request


@transaction.atomic
def reject(request_pk: int, *, actor: User, seen: str, reason: str, request_id: str = "") -> ApprovalRequest:
    """End all payouts of the request; one person suffices. The client hears that it was rejected, and not why.

    Raises Refused as `approve` does, and for a reason that says nothing.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise Refused("reason", f"Say why, in at least {SHORTEST_REASON} characters.")
    request, payouts = _locked(request_pk, actor, seen)
    Approval.objects.create(
        request=request,
        approver=actor,
        approver_label=actor.get_username(),
        decision=Decision.REJECT,
        content_hash=seen,
        reason=reason,
        found=checks.kept(checks.ask(payouts)),
    )
    at = clock.now()
    _record("approval.rejected", request, actor, {"content": seen, "reason": reason}, request_id)
    requests.end(request, RequestState.REJECTED, at)
    failure = {"failure_code": errors.REJECTED, "failure_message": errors.FAILURE_MESSAGES[errors.REJECTED]}
    timeline.move(
        [
            timeline.Step(payout=payout, to=PayoutStatus.REJECTED, detail=reason, changes=failure)
            for payout in payouts
        ],
        actor=actor,
        at=at,
    )
    return request


def _locked(request_pk: int, actor: User, seen: str) -> tuple[ApprovalRequest, list[Payout]]:
    request, payouts = requests.lock(request_pk)
    # Asked anew: whoever lost the role while this waited for its lock decides nothing.
    actor.refresh_from_db(fields=["role", "is_active"])
    _require(may_decide(actor, request))
    if request.state != RequestState.WAITING:
        raise Refused("over", OVER[RequestState(request.state)])
    if content.content_hash(request, payouts) != seen:
        raise Refused("changed", "It has changed since you looked. Read it again: nothing was done.")
    return request, payouts


def _given(request: ApprovalRequest, seen: str) -> Any:
    return Approval.objects.filter(request=request, decision=Decision.APPROVE, content_hash=seen).order_by(
        "number"
    )


def _require(verdict: Verdict) -> None:
    if not verdict:
        raise Refused("not_allowed", verdict.reason)


def _scheduled(payout: Payout, slot: PayoutSlot | None, approvals: int) -> timeline.Step:
    return timeline.Step(
        payout=payout,
        to=PayoutStatus.SCHEDULED,
        hold=joining.hold_of(slot),
        detail=f"{approvals} approval{'s' if approvals > 1 else ''}",
        changes={} if slot is None else {"due_at": slot.due_at, "slot_id": slot.pk},
    )


def _record(
    action: str, request: ApprovalRequest, actor: User, details: dict[str, Any], request_id: str
) -> None:
    log.record(action, actor=actor, subject=request, details=details, request_id=request_id)
