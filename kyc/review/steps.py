"""The frame of every act: the row locked, the policy asked, one guarded UPDATE, and the rows that tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kyc.models import KycNote, KycRecord, KycStep
from kyc.models.operators import OperatorStatus as State
from kyc.review import policy, reasons, standing, telling
from kyc.review.errors import Conflict, Refused
from kyc.review.policy import Act
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox

SYSTEM: Final = "system"
# What the applicant hears of; the rest is the desk's own business.
_TOLD: Final = frozenset(
    {
        Act.SUBMIT, Act.ANSWER, Act.ASK, Act.REJECT, Act.CLOSE, Act.SUSPEND, Act.REINSTATE, Act.REVOKE,
        Act.EXPIRING, Act.EXPIRE, Act.CORRECT, Act.RESTRICT, Act.UNRESTRICT, Act.ERASE,
    }
)  # fmt: skip
# Told by what was done; the rest by what became of the record.
_BY_ACT: Final = frozenset({Act.ANSWER, Act.CORRECT, Act.RESTRICT, Act.UNRESTRICT, Act.ERASE})
# The applicant's view of a state: who of us looks at it is nobody's business.
_OUTWARD_STATE: Final = {State.PENDING_SECOND_REVIEW: State.IN_REVIEW}


@dataclass(frozen=True, slots=True)
class Begun:
    """A record, locked until the transaction ends, that `actor` may do `act` to at `now`."""

    row: KycRecord
    act: Act
    actor: User | None
    now: datetime


def begin(record: KycRecord, act: Act, actor: User | None, *, seen: int | None = None) -> Begun:
    """Lock the record and ask the policy. `seen` is the revision that the actor looked at, where that matters.

    Raises Refused for who may not do it at all, and Conflict where the record has changed or is somebody else's.
    """
    rows = KycRecord.objects.select_for_update(of=("self",)).select_related("operator__user", "owner")
    return admit(rows.get(pk=record.pk), act, actor, seen=seen)


def admit(row: KycRecord, act: Act, actor: User | None, *, seen: int | None = None) -> Begun:
    """The same for a row that is locked already."""
    now = clock.now()
    own = policy.is_ones_to_do(actor, act, row)
    if not own:
        raise Refused(own.reason)
    if seen is not None and seen != row.revision:
        raise Conflict("This record has changed since you looked. Read it again: nothing was done.")
    verdict = policy.may(actor, act, row, now)
    if not verdict:
        raise Conflict(verdict.reason)
    return Begun(row, act, actor, now)


def finish(
    begun: Begun,
    *,
    to: State | None = None,
    code: str = "",
    note: KycNote | None = None,
    details: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
    **values: Any,
) -> KycRecord:
    """Change the record and tell of it: step, audit entry, event. `details` and `told` name nothing personal.

    `told` is what the applicant hears beside state and reasons. Raises Conflict when somebody was first.
    """
    row, act, actor = begun.row, begun.act, begun.actor
    before, after = State(row.state), to or State(row.state)
    guarded = KycRecord.objects.filter(pk=row.pk, state=before, revision=row.revision)
    values = {**values, "state": after, "revision": row.revision + 1}
    if guarded.update(**values) != 1:
        raise Conflict("Somebody was first: look again.")
    for name, value in values.items():
        setattr(row, name, value)
    KycStep.objects.create(
        record=row,
        revision=row.revision,
        act=act.value,
        from_state=before,
        to_state=after,
        reason_code=code,
        actor=actor,
        actor_label=actor.get_username() if actor else SYSTEM,
        note=note,
        details=dict(details or {}),
    )
    if before != after or "kyc_hash" in values:
        standing.mirror(row)
    log.record(
        f"kyc.{act.value}",
        actor=actor,
        subject=row,
        details={"from": before, "to": after, "reason_code": code, **(details or {})},
    )
    _emit(begun, before, after, code, told or {})
    return row


def outward_state(record: KycRecord) -> str:
    """The state as the applicant is told it."""
    return _OUTWARD_STATE.get(State(record.state), State(record.state)).value


def _emit(begun: Begun, before: State, after: State, code: str, told: Mapping[str, Any]) -> None:
    row, act = begun.row, begun.act
    if act in _TOLD or (after is State.APPROVED and before is not after):
        word = act.value if act in _BY_ACT else after.value
        payload = {
            "application_id": row.public_id,
            "status": outward_state(row),
            "reasons": reasons.outward([code]) if code and after is not State.APPROVED else [],
            **told,
        }
        owner, subject_type = row.operator.user, "kyc"
        telling.mail(row, payload, moved=before is not after)
    else:
        word = act.value if after is before or act is not Act.APPROVE else after.value
        payload, owner, subject_type = {"state": after.value}, None, "kyc_case"
    outbox.emit(
        f"kyc.{word}", subject_type=subject_type, subject_id=row.public_id, owner=owner, payload=payload
    )
