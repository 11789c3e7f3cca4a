"""Sessions that are paid by themselves: by the session rule or by any other payout that names them.

Such a session earns no credits in the month (compliance.md, "Monthly distribution"). It is told by what stands in
the database when somebody asks, so a payout that ended without paying gives its session back to the month.

A month's freeze takes over what still waits for the rule (`session_payments.leave_to_the_month`) and leaves out what
`IS_PAID` holds for. What it has counted is paid by no payout of its own any more, and what it is about to count by none
until it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from django.db import connection

from lucid_payments import locks
from lucid_payments.api.errors import Unavailable
from payouts.models.distribution import DistributionRun, RunInput
from payouts.models.payout import UNPAID, Payout
from payouts.models.session_rule import PaymentState, SessionPayment
from payouts.models.work import WorkEvent

_ENDED_UNPAID: Final = ", ".join(f"'{status.value}'" for status in UNPAID)
_LIVE: Final = f"status NOT IN ({_ENDED_UNPAID})"
# A condition on a row `told` that has a `session_id`, for SQL that counts work: its session is paid by itself.
IS_PAID: Final = f"""
(EXISTS (SELECT FROM {Payout._meta.db_table} AS paid WHERE paid.session_id = told.session_id AND paid.{_LIVE})
OR EXISTS (
    SELECT FROM {SessionPayment._meta.db_table} AS waiting
    WHERE waiting.session_id = told.session_id AND waiting.state = '{PaymentState.WAITING.value}'
))
"""  # noqa: S608 - tables' names and states
_NAMED: Final = f"SELECT told.session_id FROM unnest(%s::text[]) AS told (session_id) WHERE {IS_PAID}"  # noqa: S608
_FIRST: Final = f"""
SELECT session_id, recipient_address, payout_id, creator_id FROM {Payout._meta.db_table}
WHERE session_id = ANY(%s) AND {_LIVE}
"""  # noqa: S608 - a table's name, and parameters
_COUNTED: Final = f"""
SELECT session_id FROM {RunInput._meta.db_table} WHERE session_id = ANY(%s) GROUP BY session_id HAVING sum(sign) > 0
"""  # noqa: S608 - a table's name, and parameters
_BEING_COUNTED: Final = f"""
SELECT FROM {DistributionRun._meta.db_table} AS run JOIN {WorkEvent._meta.db_table} AS told
    ON told.id <= run.seen_up_to AND told.ended_at < run.cut_off
WHERE run.state = 'draft' AND told.session_id = ANY(%s) LIMIT 1
"""


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


def counted(session_ids: Collection[str]) -> set[str]:
    """Those of these sessions that a month's run has counted and not taken back. Final only under `share`."""
    if not session_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [list(session_ids)])
        return {session_id for (session_id,) in cursor.fetchall()}


def share(session_ids: Collection[str]) -> None:
    """Before payouts that name these sessions are created, and before any other lock; until the transaction ends.

    Waits while a run draws its line. Raises Unavailable for what lies before the line of a run that isn't frozen yet:
    once it is, `counted` tells.
    """
    if not session_ids:
        return
    locks.hold_shared(locks.AdvisoryLock.MONTH)
    with connection.cursor() as cursor:
        cursor.execute(_BEING_COUNTED, [list(session_ids)])
        if cursor.fetchone() is not None:
            raise Unavailable(
                {"session_id": ["Sessions are being counted for the month; try again."]}, retry_after=60
            )
