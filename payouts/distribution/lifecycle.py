"""A run's way from state to state: the guarded UPDATE, and the rows that tell of it, in one transaction."""

from __future__ import annotations

from typing import Any

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice.acts import ActRefused
from lucid_payments.events import outbox
from payouts.models.distribution import DistributionRun, RunState, RunStep

SYSTEM = "monthly distribution"


class RunRefused(ActRefused):
    """A step that the run can't take now. Nothing was changed; the sentence is for who tried."""


def lock(pk: int) -> DistributionRun:
    """The run, its row locked until the transaction ends. Raises DoesNotExist."""
    return DistributionRun.objects.select_for_update(of=("self",)).get(pk=pk)


def require(run: DistributionRun, *states: RunState) -> None:
    """Raises RunRefused unless the run is in one of these states."""
    if run.state not in states:
        wanted = " or ".join(state.label.lower() for state in states)
        raise RunRefused(
            f"The run is {run.get_state_display().lower()}, and this is for one that is {wanted}."
        )


def move(
    run: DistributionRun,
    to: RunState,
    action: str,
    *,
    actor: User | str = SYSTEM,
    detail: str = "",
    request_id: str = "",
    **changes: Any,
) -> None:
    """Take a step, whose `action` is a word such as `freeze`; `changes` are further columns.

    In the caller's transaction, on a locked run. Raises RunRefused where the run isn't what `run` says any more.
    """
    before = RunState(run.state)
    changed = DistributionRun.objects.filter(pk=run.pk, state=before, version=run.version).update(
        state=to, version=run.version + 1, **changes
    )
    if changed != 1:
        raise RunRefused("The run has changed since: look at it again. Nothing was done.")
    run.state, run.version = to, run.version + 1
    for name, value in changes.items():
        setattr(run, name, value)
    tell(run, action, before, actor=actor, detail=detail, request_id=request_id)


def tell(
    run: DistributionRun,
    action: str,
    before: RunState | None,
    *,
    actor: User | str,
    detail: str,
    request_id: str = "",
    **details: str,
) -> None:
    """Write who did what: the run's own history, the audit log (with `details`), and an event for another state."""
    RunStep.objects.create(
        run=run,
        action=action,
        from_state=before or "",
        to_state=run.state,
        actor_label=str(actor)[:200],
        detail=detail[:500],
    )
    log.record(
        f"distribution.{action.replace(' ', '_')}",
        actor=actor,
        subject=run,
        details={"from": before or "", "to": run.state, "detail": detail, **details},
        request_id=request_id,
    )
    if before != run.state:
        outbox.emit(
            f"distribution.{run.state}",
            subject_type="distribution",
            subject_id=run.period,
            owner=None,
            payload={"period": run.period, "state": run.state},
        )
