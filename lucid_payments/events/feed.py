"""What a client is told of events: thin bodies without personal data, each event once, in one order.

Ids come from a sequence, so an event with a lower id may be committed after one with a higher id; who read by id
alone would pass over it. In the order (transaction, id), and of transactions that can't be overtaken any more,
nothing comes in before what was read. (A dump restored into another PostgreSQL starts that order anew.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.events.models import Event

# Subjects that clients hear of, and what of the payload: no address, no name, no reason that a person typed.
THIN: Final[dict[str, tuple[str, ...]]] = {
    "payout": ("payout_id", "reference_id", "status", "amount_usdt", "hold_reason", "txid", "failure"),
    "batch": (
        "batch_id", "status", "total_payouts", "amount_usdt", "completed_payouts", "failed_payouts",
        "completed_amount_usdt",
    ),
    "breaker": ("scope", "state"),
    "killswitch": ("scope",),
    "limit": ("scope", "period", "starts_at", "limit_usdt"),
    "kyc": ("application_id", "status", "reasons", "answer_by", "expires_at"),
    "wallet": ("state", "node_id"),
    "webhook": ("webhook_id", "because"),
}  # fmt: skip
# Of the whole system: nobody's own, and for administrators alone.
SHARED: Final = ("breaker", "killswitch", "limit")


@dataclass(frozen=True, slots=True)
class Slice:
    """Events in order, and whether there are more after them."""

    events: list[Event]
    has_next: bool


class UnknownCursor(Exception):
    """The cursor names no event that this user may read."""


def body(event: Event) -> dict[str, Any]:
    """What webhooks carry and `GET /events` lists. Sources: Standard Webhooks ("thin payloads"), contract.md."""
    shown = {name: event.payload.get(name) for name in THIN[event.subject_type] if name in event.payload}
    if event.subject_type in ("breaker", "killswitch"):
        shown["scope"] = event.subject_id
    return {"id": event.event_id, "type": event.type, "timestamp": event.created_at, "data": shown}


def read(user: User, *, after: str | None, limit: int, type: str | None = None) -> Slice:
    """Up to `limit` events after the one named, oldest first. Raises UnknownCursor."""
    conditions = [_of(user)]
    parameters: dict[str, Any] = {"user": user.pk, "limit": limit + 1, "shared": list(SHARED)}
    conditions.append("subject_type = ANY(%(subjects)s)")
    parameters["subjects"] = list(THIN)
    if type is not None:
        conditions.append("type = %(type)s")
        parameters["type"] = type
    if after is not None:
        if "\0" in after or not _known(user, after):
            raise UnknownCursor
        conditions.append(
            "(transaction, id) > (SELECT transaction, id FROM events_event WHERE event_id = %(after)s)"
        )
        parameters["after"] = after
    found = _rows(" AND ".join(conditions), parameters)
    return Slice(found[:limit], len(found) > limit)


def _of(user: User) -> str:
    if user.role == Role.ADMIN:
        return "(owner_id = %(user)s OR owner_id IS NULL AND subject_type = ANY(%(shared)s))"
    return "owner_id = %(user)s"


def _known(user: User, event_id: str) -> bool:
    where = f"{_of(user)} AND event_id = %(after)s"
    parameters: dict[str, Any] = {"user": user.pk, "shared": list(SHARED), "after": event_id}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM events_event WHERE {where})", parameters)  # noqa: S608
        return bool(cursor.fetchone()[0])


def _rows(where: str, parameters: dict[str, Any]) -> list[Event]:
    settled = "transaction < pg_snapshot_xmin(pg_current_snapshot())"
    order = "ORDER BY transaction, id LIMIT %(limit)s"
    # `where` is put together from the constants above.
    sql = f"SELECT * FROM events_event WHERE {settled} AND {where} {order}"  # noqa: S608
    return list(Event.objects.raw(sql, parameters))
