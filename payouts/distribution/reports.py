"""Taking what Blockchain Core reports: each fact once, whole lists or none, never an edit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

from lucid_payments import locks
from lucid_payments.accounts.models import User
from lucid_payments.api import json_format
from lucid_payments.api.errors import EventConflict
from lucid_payments.audit import log
from payouts.distribution import register, session_payments
from payouts.models.work import WorkEvent, WorkKind

_COLUMNS: Final = {
    "event_id": "text", "digest": "bytea", "occurred_at": "timestamptz", "corrects": "text", "session_id": "text",
    "node_id": "text", "user_id": "text", "started_at": "timestamptz", "ended_at": "timestamptz",
    "sessions_relayed": "bigint", "megabytes_relayed": "numeric", "score": "numeric", "operator_id": "text",
    "wallet_address": "text",
}  # fmt: skip
# Always in the order of the ids: of two lists at once with the same events the second waits, and neither for ever.
_INSERT: Final = f"""
INSERT INTO {WorkEvent._meta.db_table} (kind, reporter_id, {", ".join(_COLUMNS)})
SELECT %s, %s, {", ".join(_COLUMNS)}
FROM unnest({", ".join(f"%s::{type}[]" for type in _COLUMNS.values())}) AS told ({", ".join(_COLUMNS)})
ORDER BY event_id
ON CONFLICT (event_id) DO NOTHING
RETURNING event_id
"""  # noqa: S608 - names of tables, columns and types, and parameters


@dataclass(frozen=True, slots=True)
class Taken:
    """How many events of a report were new, and how many had been told before, word for word."""

    accepted: int
    repeated: int


@transaction.atomic
def take(
    kind: WorkKind,
    facts: Sequence[Mapping[str, Any]],
    *,
    reporter: User,
    request_id: str = "",
    signed_by: str = "",
) -> Taken:
    """Write down these events of one kind, late ones and those out of order too; `signed_by` is the `kid`, if any.

    Raises EventConflict, with nothing written, for an id that was used before for something else.
    """
    if kind == WorkKind.SESSION_COMPLETED:
        # A monthly run that draws its line sees this report or doesn't.
        locks.hold_shared(locks.AdvisoryLock.MONTH)
    rows = [{**dict.fromkeys(_COLUMNS), **one, "digest": _digest(kind, one)} for one in facts]
    digests = _once(rows)
    first = {row["event_id"]: row for row in reversed(rows)}
    new = _insert(kind, list(first.values()), reporter)
    _refuse_other_words(rows, {name: digests[name] for name in first if name not in new})
    if new:
        told = {"kind": kind.value, "events": len(new), "first": min(new), "last": max(new)}
        told |= {"signed_by": signed_by} if signed_by else {}
        log.record("work.reported", actor=reporter, details=told, request_id=request_id)
    if kind == WorkKind.SESSION_COMPLETED:
        session_payments.queue({first[name]["session_id"] for name in new})
    else:
        register.follow({row["node_id"] for row in rows} | _nodes_corrected(rows))
    return Taken(len(new), len(rows) - len(new))


def _digest(kind: WorkKind, facts: Mapping[str, Any]) -> bytes:
    said = json_format.dumps({"kind": kind.value, **{name: facts[name] for name in sorted(facts)}})
    return hashlib.sha256(said.encode()).digest()


def _once(rows: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """The digest of each id. Raises EventConflict for one that the list itself uses for two things."""
    digests: dict[str, bytes] = {}
    twice = [
        place
        for place, row in enumerate(rows)
        if digests.setdefault(row["event_id"], row["digest"]) != row["digest"]
    ]
    if twice:
        raise _conflict(twice, "An earlier event of this list has the same event_id and says something else.")
    return digests


def _insert(kind: WorkKind, rows: Sequence[Mapping[str, Any]], reporter: User) -> set[str]:
    with connection.cursor() as cursor:
        columns = [[row[name] for row in rows] for name in _COLUMNS]
        cursor.execute(_INSERT, [kind.value, reporter.pk, *columns])
        return {event_id for (event_id,) in cursor.fetchall()}


def _refuse_other_words(rows: Sequence[Mapping[str, Any]], digests: Mapping[str, bytes]) -> None:
    known = WorkEvent.objects.filter(event_id__in=digests).values_list("event_id", "digest")
    differ = {event_id for event_id, digest in known if bytes(digest) != digests[event_id]}
    if differ:
        places = [place for place, row in enumerate(rows) if row["event_id"] in differ]
        raise _conflict(
            places, "This event_id was used before and said something else; correct it by a new event."
        )


def _nodes_corrected(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """A correction may name another node than what it corrects: that was the mistake."""
    named = [row["corrects"] for row in rows if row["corrects"] is not None]
    found = WorkEvent.objects.filter(event_id__in=named, node_id__isnull=False) if named else None
    return set() if found is None else {str(node_id) for node_id in found.values_list("node_id", flat=True)}


def _conflict(places: Sequence[int], sentence: str) -> EventConflict:
    return EventConflict({str(place): {"event_id": [sentence]} for place in places[:20]})
