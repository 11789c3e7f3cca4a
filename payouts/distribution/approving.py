"""Two people approve a run as one thing: what they saw, by its hash. Its payouts ask nobody again."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.policy import Verdict
from payouts.approvals.telling import APPROVERS
from payouts.distribution import computing, lifecycle
from payouts.distribution.lifecycle import RunRefused
from payouts.models.distribution import APPROVALS_NEEDED, DistributionRun, RunApproval, RunState

CHANGED: Final = "The run has changed since you looked. Read it again: nothing was done."


def given(run: DistributionRun) -> list[RunApproval]:
    """The approvals of what the run is now."""
    return list(RunApproval.objects.filter(run=run, run_hash=run.run_hash).order_by("number"))


def may_approve(user: Any, run: DistributionRun) -> Verdict:
    """Button, page and service ask it."""
    verdict = acts.may_act(user, APPROVERS)
    if not verdict:
        return verdict
    if run.state != RunState.COMPUTED:
        return Verdict(
            False, f"The run is {run.get_state_display().lower()}: approvals are for one that is computed."
        )
    if user.pk == run.pool_by_id:
        return Verdict(False, "You entered its pool: other people approve it.")
    if any(approval.approver_id == user.pk for approval in given(run)):
        return Verdict(False, "You have approved it: another person must, too.")
    return verdict


@transaction.atomic
def approve(pk: int, *, actor: User, seen: str, note: str = "", request_id: str = "") -> DistributionRun:
    """One person's approval of the run with the hash `seen`. The second one makes it approved.

    Raises RunRefused, with nothing written, for who may not and for a run that isn't what was seen.
    """
    run = lifecycle.lock(pk)
    actor.refresh_from_db(fields=["role", "is_active"])
    verdict = may_approve(actor, run)
    if not verdict:
        raise RunRefused(verdict.reason)
    if seen != run.run_hash or computing.hash_of(run) != run.run_hash:
        raise RunRefused(CHANGED)
    number = len(given(run)) + 1
    RunApproval.objects.create(
        run=run, approver=actor, approver_label=actor.get_username(), run_hash=seen, number=number, note=note
    )
    last = number == APPROVALS_NEEDED
    lifecycle.move(
        run,
        RunState.APPROVED if last else RunState.COMPUTED,
        "approve",
        actor=actor,
        detail=f"{number} of {APPROVALS_NEEDED}. {note}".strip(),
        request_id=request_id,
    )
    return run


@transaction.atomic
def send_back(pk: int, *, actor: User, reason: str, request_id: str = "") -> DistributionRun:
    """Back to its frozen inputs, to be computed anew; approvals are void. One person suffices.

    Raises RunRefused once it is scheduled.
    """
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.COMPUTED, RunState.APPROVED)
    lifecycle.move(run, RunState.FROZEN, "send back", actor=actor, detail=reason, request_id=request_id)
    return run
