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
_COUNTED: Final = "counted"
_BEING_COUNTED: Final = "being counted"
# A condition on a row `told` that has a `session_id`, for SQL that counts work: its session is paid by itself.
IS_PAID: Final = f"""
(EXISTS (SELECT FROM {Payout._meta.db_table} AS paid WHERE paid.session_id = told.session_id AND paid.{_LIVE})
OR EXISTS (
    SELECT FROM {SessionPayment._meta.db_table} AS waiting
    WHERE waiting.session_id = told.session_id AND waiting.state = '{PaymentState.WAITING.value}'
))
"""  # noqa: S608 - tables' names and states
_NAMED: Final = f"SELECT told.session_id FROM unnest(%s::text[]) AS told (session_id) WHERE {IS_PAID}"  # noqa: S608
# All that is known of some sessions, in one look: who pays them, which are counted, which are about to be.
_KNOWN: Final = f"""
SELECT session_id, recipient_address, payout_id, creator_id FROM {Payout._meta.db_table}
WHERE session_id = ANY(%(sessions)s) AND {_LIVE}
UNION ALL
(SELECT session_id, '{_COUNTED}', '', 0 FROM {RunInput._meta.db_table}
WHERE session_id = ANY(%(sessions)s) GROUP BY session_id HAVING sum(sign) > 0)
UNION ALL
(SELECT told.session_id, '{_BEING_COUNTED}', '', 0
FROM {DistributionRun._meta.db_table} AS run JOIN {WorkEvent._meta.db_table} AS told
    ON told.id <= run.seen_up_to AND told.ended_at < run.cut_off
WHERE run.state = 'draft' AND told.session_id = ANY(%(sessions)s) LIMIT 1)
"""  # noqa: S608 - tables' names, words that are no address, and parameters


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


@dataclass(frozen=True, slots=True)
class Known:
    """Of some sessions: the live payout of each (session, recipient), and those that a month's run has counted and not
    taken back.
    """

    payouts: dict[tuple[str, str], First]
    counted: frozenset[str]


def locks_of(session_ids: Iterable[str]) -> list[str]:
    """The names of the locks under which payouts for these sessions come one by one; see `hold`."""
    return [f"session {session_id}" for session_id in session_ids]


def hold(session_ids: Collection[str], *others: str) -> None:
    """Before payouts that name these sessions are created, until the transaction ends: the locks of all callers that
    name one of them, and `others` (`locks.hold_names`). Waits while a run draws its line.
    """
    month = locks.AdvisoryLock.MONTH if session_ids else None
    locks.hold_names([*others, *locks_of(session_ids)], shared=month)


def known(session_ids: Collection[str]) -> Known:
    """One statement, none for none. Final only under `hold`.

    Raises Unavailable for what lies before the line of a run that isn't frozen yet: once it is, `counted` tells.
    """
    payouts: dict[tuple[str, str], First] = {}
    counted = set()
    if not session_ids:
        return Known(payouts, frozenset())
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"sessions": list(session_ids)})
        for session_id, what, payout_id, creator_id in cursor.fetchall():
            if what == _BEING_COUNTED:
                raise Unavailable(
                    {"session_id": ["Sessions are being counted for the month; try again."]}, retry_after=60
                )
            if what == _COUNTED:
                counted.add(session_id)
            else:
                payouts[session_id, what] = First(payout_id, creator_id)
    return Known(payouts, frozenset(counted))
