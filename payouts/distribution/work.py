"""Which reported sessions a run takes, each once and with its hash.

A session counts for the node that it names, else for its user. It belongs to the month in which it ended. What was
reported after that month's freeze is taken by the next freeze, and what an earlier run counted and Core has corrected
since is taken back there: both are adjustments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from payouts.distribution.paid_sessions import IS_PAID
from payouts.models.distribution import DistributionRun, RunInput
from payouts.models.work import WorkEvent

_EVENTS: Final = WorkEvent._meta.db_table
_INPUTS: Final = RunInput._meta.db_table
_RUNS: Final = DistributionRun._meta.db_table

_COLUMNS: Final = (
    "run_id, event_id, sign, kind, recipient, session_id, sessions, megabytes, ended_at, adjustment, digest"
)
# What stands in the row, as one line of text: whoever has the row can compute its hash again.
_DIGEST: Final = """
sha256(convert_to('lucid/run-input/v1 ' || {event_id} || ' ' || {sign} || ' ' || {kind} || ':' || {recipient} || ' '
    || {session_id} || ' ' || {sessions} || ' ' || {megabytes} || ' '
    || (extract(epoch FROM {ended_at}) * 1000000)::bigint, 'UTF8'))
"""
# Events that this run's line lets it see, and that no other one seen corrects.
_STANDING: Final = f"""
told.kind = 'session-completed' AND told.id <= %(seen)s AND NOT EXISTS (
    SELECT FROM {_EVENTS} AS later
    WHERE later.corrects = told.event_id AND later.kind = 'session-completed' AND later.id <= %(seen)s
)
"""
# Of this month; or of one whose run was frozen before this was reported.
_BELONGS: Final = f"""
(told.ended_at >= %(start)s AND told.ended_at < %(cut_off)s
 OR told.ended_at < %(cut_off)s AND told.id > (SELECT min(seen_up_to) FROM {_RUNS} WHERE state <> 'draft')
    AND EXISTS (SELECT FROM {_RUNS} AS missed
                WHERE missed.state <> 'draft' AND missed.starts_at <= told.ended_at
                    AND missed.cut_off > told.ended_at AND missed.seen_up_to < told.id))
"""  # noqa: S608 - a table's name, and parameters
# The same session of the same recipient, reported by several events, counts once: by the first. Few sessions are
# reported by several, so that those alone are grouped.
_TAKE: Final = f"""
WITH repeated AS MATERIALIZED (
    SELECT told.session_id FROM {_EVENTS} AS told
    WHERE told.kind = 'session-completed' AND told.id <= %(seen)s AND {_BELONGS}
    GROUP BY told.session_id HAVING count(*) > 1
), once AS MATERIALIZED (
    SELECT min(told.id) AS id FROM {_EVENTS} AS told JOIN repeated USING (session_id)
    WHERE {_STANDING} AND {_BELONGS} AND NOT {IS_PAID}
    GROUP BY told.session_id, coalesce('node ' || told.node_id, 'user ' || told.user_id)
)
INSERT INTO {_INPUTS} ({_COLUMNS})
SELECT %(run)s, told.id, 1, told.recipient_kind, told.recipient, told.session_id, told.sessions_relayed,
    told.megabytes_relayed, told.ended_at, told.ended_at < %(start)s,
    {
    _DIGEST.format(
        event_id="told.event_id",
        sign="1",
        kind="told.recipient_kind",
        recipient="told.recipient",
        session_id="told.session_id",
        sessions="told.sessions_relayed",
        megabytes="told.megabytes_relayed",
        ended_at="told.ended_at",
    )
}
FROM (
    SELECT *, CASE WHEN node_id IS NULL THEN 'user' ELSE 'node' END AS recipient_kind,
        coalesce(node_id, user_id) AS recipient
    FROM {_EVENTS}
) AS told
WHERE {_STANDING} AND {_BELONGS} AND NOT {IS_PAID}
    AND (told.session_id NOT IN (SELECT session_id FROM repeated) OR told.id IN (SELECT id FROM once))
    AND NOT EXISTS (
        SELECT FROM {_INPUTS} AS counted
        WHERE counted.session_id = told.session_id AND counted.kind = told.recipient_kind
            AND counted.recipient = told.recipient AND counted.sign = 1
            AND NOT EXISTS (
                SELECT FROM {_INPUTS} AS back WHERE back.event_id = counted.event_id AND back.sign = -1
            )
    )
"""  # noqa: S608 - tables' and columns' names, and parameters
_TAKE_BACK: Final = f"""
INSERT INTO {_INPUTS} ({_COLUMNS})
SELECT %(run)s, counted.event_id, -1, counted.kind, counted.recipient, counted.session_id, counted.sessions,
    counted.megabytes, counted.ended_at, true,
    {
    _DIGEST.format(
        event_id="told.event_id",
        sign="-1",
        kind="counted.kind",
        recipient="counted.recipient",
        session_id="counted.session_id",
        sessions="counted.sessions",
        megabytes="counted.megabytes",
        ended_at="counted.ended_at",
    )
}
FROM {_EVENTS} AS told JOIN {_INPUTS} AS counted ON counted.event_id = told.id AND counted.sign = 1
WHERE counted.ended_at < %(cut_off)s AND told.event_id IN (
        SELECT corrects FROM {_EVENTS}
        WHERE corrects IS NOT NULL AND kind = 'session-completed' AND id <= %(seen)s
    )
    AND NOT EXISTS (SELECT FROM {_INPUTS} AS back WHERE back.event_id = told.id AND back.sign = -1)
"""  # noqa: S608 - tables' and columns' names, and parameters
_LEFT_OUT: Final = f"""
SELECT count(*) FROM {_EVENTS} AS told WHERE {_STANDING} AND {_BELONGS} AND {IS_PAID}
"""  # noqa: S608 - tables' names, and parameters
# The hash of all hashes, in their own order: whatever order the rows came in.
_TOTAL: Final = f"""
SELECT count(*), count(*) FILTER (WHERE adjustment),
    encode(sha256(convert_to('lucid/run-inputs/v1', 'UTF8') || coalesce(string_agg(digest, ''::bytea ORDER BY digest),
        ''::bytea)), 'hex')
FROM {_INPUTS} WHERE run_id = %(run)s
"""  # noqa: S608 - a table's name, and parameters


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows of work, and the hash over all of them (64 hexadecimal digits)."""

    inputs: int
    adjustments: int
    paid_by_themselves: int
    digest: str


def take(run: DistributionRun) -> Taken:
    """Write the run's inputs. In the transaction of the freeze, once."""
    asked: dict[str, Any] = {
        "run": run.pk,
        "seen": run.seen_up_to,
        "start": run.starts_at,
        "cut_off": run.cut_off,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_BACK, asked)
        cursor.execute(_TAKE, asked)
        cursor.execute(_LEFT_OUT, asked)
        (left_out,) = cursor.fetchone()
        cursor.execute(_TOTAL, asked)
        inputs, adjustments, digest = cursor.fetchone()
    return Taken(inputs, adjustments, left_out, digest)
