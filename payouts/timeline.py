"""Moving payouts from state to state: the guarded UPDATE, and the rows that tell of it, in one transaction.

Only the modules behind PayoutManager call this. They hold the payouts' row locks (`locked`), so a guard that
doesn't match means a bug, and everything rolls back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet, prefetch_related_objects

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.events import outbox
from lucid_payments.money import to_decimal
from payouts import batches, metrics, paid
from payouts.distribution import progress
from payouts.models.attempt import Attempt
from payouts.models.payout import (
    ENDED,
    HoldReason,
    Payout,
    PayoutStatus,
    PayoutTransition,
    public_hold,
)

SYSTEM = "system"


class StateConflict(Exception):
    """A payout wasn't in the state that its row lock promised; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One payout's next state. `changes` are further columns: due_at, slot_id, retries, failure_code and _message."""

    payout: Payout
    to: PayoutStatus
    attempt: Attempt | None = None
    hold: HoldReason | None = None
    detail: str = ""
    changes: dict[str, Any] = field(default_factory=dict)


def locked(pks: Collection[int]) -> QuerySet[Payout]:
    """These payouts with their rows locked, in the one order in which anybody locks them."""
    return Payout.objects.select_for_update(of=("self",)).filter(pk__in=pks).order_by("pk")


def move(steps: Sequence[Step], *, actor: User | str = SYSTEM, at: datetime) -> None:
    """Write each step: state, timeline, audit entry and event. Raises StateConflict, with nothing written."""
    if not steps:
        return
    changed = _update(steps, at)
    if changed != len(steps):
        raise StateConflict(f"{len(steps) - changed} of {len(steps)} payouts were not in the expected state")
    record([(step, step.payout.status) for step in steps], actor=actor)
    _count_ended(steps, at)
    for step in steps:
        step.payout.status = step.to
        step.payout.hold_reason = step.hold
        step.payout.version += 1
        for name, value in step.changes.items():
            setattr(step.payout, name, value)
    batches.end_what_is_over([step.payout for step in steps if step.to in ENDED], at)
    progress.note_ended((step.payout, step.to) for step in steps if step.to in ENDED)


def record(steps: Iterable[tuple[Step, str]], *, actor: User | str) -> None:
    """The rows that tell of steps: timeline, audit log, outbox. Each comes with the status before it."""
    told = list(steps)
    metrics.count_accepted(step.payout for step, before in told if not before)
    PayoutTransition.objects.bulk_create(
        PayoutTransition(
            payout=step.payout,
            attempt=step.attempt,
            from_status=before,
            to_status=step.to,
            hold_reason=step.hold,
            actor_label=str(actor)[:200],
            detail=step.detail[:500],
        )
        for step, before in told
    )
    log.record_many(
        log.Fact(
            action=_word(step, before),
            actor=actor,
            subject=step.payout,
            details={"from": before, "to": step.to, "detail": step.detail},
            request_id=step.payout.request_id if not before else "",
        )
        for step, before in told
    )
    outbox.emit_many(message for step, before in told for message in _messages(step, before))


def hold(
    payouts: QuerySet[Payout], reason: HoldReason | None, *, detail: str = "", until: datetime | None = None
) -> int:
    """Write down why scheduled payouts don't go (None: nothing holds them now); those that say so are left alone.

    As many statements for all of them as for one. Clients hear of it once per reason that they can tell apart.
    """
    pks, parameters = payouts.filter(status=PayoutStatus.SCHEDULED).values("pk").query.sql_with_params()
    rows: list[Any] = list(
        Payout.objects.raw(
            f"""
            WITH before AS (
                SELECT id, hold_reason AS was FROM payouts_payout
                WHERE id IN ({pks}) AND status = 'scheduled'
                  AND (hold_reason IS DISTINCT FROM %s OR %s::timestamptz IS NOT NULL)
                ORDER BY id FOR UPDATE
            ), held AS (
                UPDATE payouts_payout AS payout SET hold_reason = %s, due_at = coalesce(%s, payout.due_at)
                FROM before WHERE payout.id = before.id RETURNING payout.*, before.was
            ), told AS (
                INSERT INTO payouts_payouttransition
                    (payout_id, from_status, to_status, hold_reason, actor_label, detail)
                SELECT id, 'scheduled', 'scheduled', %s, 'system', %s FROM held
            )
            SELECT * FROM held ORDER BY id
            """,  # noqa: S608 - `pks` is SQL that Django made, its values are parameters
            [*parameters, reason, until, reason, until, reason, detail[:500]],
        )
    )
    news = [row for row in rows if reason is not None and public_hold(row.was) != public_hold(reason)]
    prefetch_related_objects(news, "creator")
    outbox.emit_many(
        _message("payout.held", Step(payout=row, to=PayoutStatus.SCHEDULED, hold=reason)) for row in news
    )
    return len(rows)


def _update(steps: Sequence[Step], at: datetime) -> int:
    rows = [
        (
            step.payout.pk,
            step.payout.version,
            step.payout.status,
            step.to,
            step.hold,
            step.changes.get("due_at", step.payout.due_at),
            step.changes.get("slot_id", step.payout.slot_id),
            step.changes.get("retries", step.payout.retries),
            step.changes.get("failure_code", step.payout.failure_code),
            step.changes.get("failure_message", step.payout.failure_message),
            at if step.to in ENDED else None,
        )
        for step in steps
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payouts_payout AS payout
            SET status = step.after, hold_reason = step.hold, due_at = step.due_at, slot_id = step.slot,
                retries = step.retries, failure_code = step.code, failure_message = step.message,
                ended_at = step.ended_at, version = payout.version + 1
            FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],
                        %s::bigint[], %s::smallint[], %s::text[], %s::text[], %s::timestamptz[])
                AS step (id, version, before, after, hold, due_at, slot, retries, code, message, ended_at)
            WHERE payout.id = step.id AND payout.version = step.version AND payout.status = step.before
            """,
            [[_plain(value) for value in column] for column in zip(*rows, strict=True)],
        )
        return int(cursor.rowcount)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _count_ended(steps: Sequence[Step], at: datetime) -> None:
    ended = [(step.payout, step.to) for step in steps if step.to in metrics.ENDED]
    paid.note_ended(
        [payout for payout, status in ended if status == PayoutStatus.CONFIRMED],
        [payout for payout, status in ended if status == PayoutStatus.FAILED],
        at=at,
    )
    metrics.count_ended(ended)


def _word(step: Step, before: str) -> str:
    if before == PayoutStatus.AWAITING_APPROVAL and step.to == PayoutStatus.SCHEDULED:
        return "payout.approved"
    return f"payout.{step.to}" if before else "payout.created"


def _messages(step: Step, before: str) -> Iterator[outbox.Message]:
    """What clients hear of a step: what became of the payout and, apart from that, why it waits from now on."""
    yield _message(_word(step, before), step)
    reason = public_hold(step.hold)
    if reason is not None and (not before or reason != public_hold(step.payout.hold_reason)):
        yield _message("payout.held", step)


def _message(type: str, step: Step) -> outbox.Message:
    return outbox.Message(
        type=type,
        subject_type="payout",
        subject_id=step.payout.payout_id,
        owner=step.payout.creator,
        payload=_payload(step),
    )


def _payload(step: Step) -> dict[str, Any]:
    payout = step.payout
    return {
        "payout_id": payout.payout_id,
        "reference_id": payout.reference_id,
        "status": Payout(status=step.to).public_status,
        "amount_usdt": str(to_decimal(payout.amount)),
        "recipient_address": payout.recipient_address,
        "hold_reason": public_hold(step.hold),
        "txid": step.attempt.txid if step.attempt and step.attempt.signed_transaction else None,
        "failure": _failure(step),
    }


def _failure(step: Step) -> dict[str, str] | None:
    code = step.changes.get("failure_code")
    return {"code": code, "message": step.changes["failure_message"]} if code else None
