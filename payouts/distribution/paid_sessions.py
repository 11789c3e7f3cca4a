"""Sessions that are paid by themselves: by the session rule or by any other payout that names them.

Such a session earns no credits in the month (compliance.md, "Monthly distribution"). It is told by what stands in
the database when somebody asks, so a payout that ended without paying gives its session back to the month. Whoever
counts a month's work and whoever creates a payout for a session ask here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from django.db import connection

from payouts.models.payout import UNPAID, Payout

_ENDED_UNPAID: Final = ", ".join(f"'{status.value}'" for status in UNPAID)
_LIVE: Final = f"status NOT IN ({_ENDED_UNPAID})"
# A condition on a row `told` that has a `session_id`, for SQL that counts work: its session is paid by itself.
IS_PAID: Final = f"""
EXISTS (SELECT FROM {Payout._meta.db_table} AS paid WHERE paid.session_id = told.session_id AND paid.{_LIVE})
"""
_NAMED: Final = f"SELECT told.session_id FROM unnest(%s::text[]) AS told (session_id) WHERE {IS_PAID}"  # noqa: S608
_FIRST: Final = f"""
SELECT session_id, recipient_address, payout_id, creator_id FROM {Payout._meta.db_table}
WHERE session_id = ANY(%s) AND {_LIVE}
"""  # noqa: S608 - a table's name, and parameters


@dataclass(frozen=True, slots=True)
class First:
    """The payout that pays a session to a recipient."""

    payout_id: str
    creator_id: int


def among(session_ids: Collection[str]) -> set[str]:
    """Those of these sessions that are paid by themselves; one statement, none for none."""
    if not session_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, [list(session_ids)])
        return {session_id for (session_id,) in cursor.fetchall()}


def first_payouts(session_ids: Collection[str]) -> dict[tuple[str, str], First]:
    """The live payout of each (session, recipient) there is, of these sessions. Final only under `turns`."""
    if not session_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [list(session_ids)])
        return {(session, to): First(payout, creator) for session, to, payout, creator in cursor.fetchall()}


def turns(session_ids: Iterable[str]) -> list[str]:
    """The names of the locks (`locks.hold_names`) under which payouts for these sessions come one by one."""
    return [f"session {session_id}" for session_id in session_ids]
