"""How many payouts were asked for, for how much, and what became of them: the sums behind `GET /stats`.

Reading takes one statement over at most some thousand small rows, however many payouts there are: whole hours, the
minutes at both ends, and the changes that nobody has folded yet. One statement sees one state of the database, and a
change is deleted by the very statement that adds it, so the sums are right at every moment, folded or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction

from lucid_payments import clock, locks
from lucid_payments.audit import log
from lucid_payments.locks import AdvisoryLock
from payouts import alarms
from payouts.models.payout import ENDED

EVERYBODY: Final = 0
# Whole minutes are needed at the beginning of the longest period; hours stay for ever.
LONGEST: Final = timedelta(days=30)
MINUTES_KEPT: Final = LONGEST + timedelta(days=1)
# How far back the hourly check looks.
CHECKED: Final = timedelta(days=2)
ALARM: Final = "stats_differ"
AT_ONCE: Final = 10_000

_SUMS: Final = "sum(count)::bigint, sum(amount)::bigint, sum(ended)::bigint, sum(confirmed)::bigint"
# Each change counts for its creator and for everybody, in its minute and in its hour.
_PLACES: Final = f"""
CROSS JOIN LATERAL (VALUES (changes.creator_id), ({EVERYBODY})) AS who (creator)
CROSS JOIN LATERAL (VALUES ('minute', minute), ('hour', date_trunc('hour', minute, 'UTC'))) AS whole (grain, starts_at)
WHERE (whole.grain = 'hour' OR whole.starts_at >= %(oldest_minute)s)
"""
_SPREAD: Final = f"""
SELECT who.creator, whole.grain, whole.starts_at, router_type, {_SUMS} FROM changes {_PLACES}
GROUP BY who.creator, whole.grain, whole.starts_at, router_type
"""  # noqa: S608 - every part of it stands above; so with the next ones
_ENDED: Final = ", ".join(f"'{status.value}'" for status in ENDED)
_COUNTED: Final = f"""
SELECT creator_id, router_type, date_trunc('minute', created_at, 'UTC') AS minute, count(*) AS count,
    sum(amount) AS amount, count(*) FILTER (WHERE status IN ({_ENDED})) AS ended,
    count(*) FILTER (WHERE status = 'confirmed') AS confirmed
FROM payouts_payout WHERE created_at >= %(since)s GROUP BY 1, 2, 3
"""  # noqa: S608
_COLUMNS: Final = "(creator_id, grain, starts_at, router_type, count, amount, ended, confirmed)"
_FOLD: Final = f"""
WITH changes AS (
    DELETE FROM payouts_tallychange
    WHERE id IN (SELECT id FROM payouts_tallychange ORDER BY id LIMIT {AT_ONCE})
    RETURNING *
), kept AS (
    INSERT INTO payouts_tally AS kept {_COLUMNS} {_SPREAD}
    ON CONFLICT (creator_id, grain, starts_at, router_type) DO UPDATE SET
        count = kept.count + EXCLUDED.count, amount = kept.amount + EXCLUDED.amount,
        ended = kept.ended + EXCLUDED.ended, confirmed = kept.confirmed + EXCLUDED.confirmed
)
SELECT count(*) FROM changes
"""  # noqa: S608
_READ: Final = f"""
SELECT router_type, {_SUMS} FROM (
    SELECT router_type, count, amount, ended, confirmed FROM payouts_tally
    WHERE creator_id = %(creator)s AND grain = 'minute' AND starts_at >= %(since)s AND starts_at < %(first_hour)s
    UNION ALL
    SELECT router_type, count, amount, ended, confirmed FROM payouts_tally
    WHERE creator_id = %(creator)s AND grain = 'hour' AND starts_at >= %(first_hour)s AND starts_at < %(last_hour)s
    UNION ALL
    SELECT router_type, count, amount, ended, confirmed FROM payouts_tally
    WHERE creator_id = %(creator)s AND grain = 'minute' AND starts_at >= %(last_hour)s
    UNION ALL
    SELECT router_type, count, amount, ended, confirmed FROM payouts_tallychange
    WHERE minute >= %(since)s AND %(creator)s IN (creator_id, {EVERYBODY})
) AS found GROUP BY router_type
"""  # noqa: S608
# Exact: of the minute in which it begins, the payouts themselves; then whole minutes, hours, and minutes again.
_ASKED: Final = """
(SELECT coalesce(sum(amount), 0)::bigint FROM (
    SELECT amount FROM payouts_payout
    WHERE creator_id = %s AND created_at >= %s AND created_at < %s
    UNION ALL
    SELECT amount FROM payouts_tally
    WHERE creator_id = %s AND grain = 'minute' AND starts_at >= %s AND starts_at < %s
    UNION ALL
    SELECT amount FROM payouts_tally
    WHERE creator_id = %s AND grain = 'hour' AND starts_at >= %s AND starts_at < %s
    UNION ALL
    SELECT amount FROM payouts_tally WHERE creator_id = %s AND grain = 'minute' AND starts_at >= %s
    UNION ALL
    SELECT amount FROM payouts_tallychange WHERE creator_id = %s AND minute >= %s
) AS asked)
"""
# What stands in the sums and in the changes, less what the payouts say.
_DIFFERENCES: Final = f"""
WITH counted AS (WITH changes AS ({_COUNTED}) {_SPREAD})
SELECT count(*) FROM (
    SELECT 1 FROM (
        SELECT creator_id, grain, starts_at, router_type, count, amount, ended, confirmed FROM payouts_tally
        WHERE starts_at >= %(since)s AND (grain = 'hour' OR starts_at >= %(oldest_minute)s)
        UNION ALL
        SELECT who.creator, whole.grain, whole.starts_at, router_type, count, amount, ended, confirmed
        FROM payouts_tallychange AS changes {_PLACES} AND minute >= %(since)s
        UNION ALL
        SELECT creator, grain, starts_at, router_type, -payouts, -asked, -over, -paid
        FROM counted AS counted (creator, grain, starts_at, router_type, payouts, asked, over, paid)
    ) AS sides
    GROUP BY creator_id, grain, starts_at, router_type
    HAVING (sum(count), sum(amount), sum(ended), sum(confirmed)) <> (0, 0, 0, 0)
) AS differing
"""  # noqa: S608
# One statement: a change that it deletes is of a payout that it counts, and what commits later brings its own change.
_REBUILD: Final = f"""
WITH gone AS (DELETE FROM payouts_tallychange), changes AS ({_COUNTED})
INSERT INTO payouts_tally {_COLUMNS} {_SPREAD}
"""  # noqa: S608
_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of payouts created in some stretch of time; `amount` in base units. `ended` includes `confirmed`."""

    count: int = 0
    amount: int = 0
    ended: int = 0
    confirmed: int = 0

    @classmethod
    def of(cls, parts: Iterable[Sums]) -> Sums:
        found = list(parts)
        return cls(
            sum(part.count for part in found),
            sum(part.amount for part in found),
            sum(part.ended for part in found),
            sum(part.confirmed for part in found),
        )


def read(period: timedelta, now: datetime, creator: int | None = None) -> dict[str, Sums]:
    """What was asked for in the `period` before `now`, by router: of one caller (primary key), or of everybody.

    To the minute: the one in which the period begins counts whole. `period` is an hour at least and LONGEST at most.
    """
    since = (now - period).replace(second=0, microsecond=0)
    last_hour = now.replace(minute=0, second=0, microsecond=0)
    first_hour = since.replace(minute=0)
    if first_hour < since:
        first_hour += timedelta(hours=1)
    asked: dict[str, int | datetime] = {
        "creator": EVERYBODY if creator is None else creator,
        "since": since,
        "first_hour": first_hour,
        "last_hour": last_hour,
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ, asked)
        return {router: Sums(*figures) for router, *figures in cursor.fetchall()}


def amount_asked_for(creator: int, since: datetime, now: datetime) -> tuple[str, tuple[int | datetime, ...]]:
    """A scalar subquery and its parameters: what one caller (primary key) asked for from `since` on, in base units.

    To the microsecond; `since` is at least two hours before `now`. It sees what is committed, or in this transaction:
    whoever decides by it holds a lock that the caller's other requests wait for.
    """
    minute = _from_the_next(since, timedelta(minutes=1))
    hour = _from_the_next(minute, timedelta(hours=1))
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    bounds = (
        *(creator, since, minute),
        *(creator, minute, hour),
        *(creator, hour, this_hour),
        *(creator, this_hour),
        *(creator, minute),
    )
    return _ASKED, bounds


def _from_the_next(at: datetime, grain: timedelta) -> datetime:
    """The first whole minute or hour that begins at `at` or later."""
    over = (at - _EVER) % grain
    return at + (grain - over) if over else at


def fold() -> int:
    """Add what changed to the sums, one folder at a time; answers how many changes. Late or twice does no harm."""
    folded = 0
    while (done := _fold_some()) == AT_ONCE:
        folded += done
    return folded + done


@transaction.atomic
def _fold_some() -> int:
    if not locks.try_hold(AdvisoryLock.TALLY):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, {"oldest_minute": _oldest_minute()})
        return int(cursor.fetchone()[0])


def check(since: datetime | None = None) -> int:
    """How many sums of payouts created at or after the hour of `since` (of all for None) differ from the payouts
    themselves. Reads every one of those payouts.
    """
    start = (since or _EVER).replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES, {"since": start, "oldest_minute": max(start, _oldest_minute())})
        return int(cursor.fetchone()[0])


def keep() -> None:
    """The hourly round: forget minutes that no period reaches, and compare the last days' sums with the payouts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM payouts_tally WHERE grain = 'minute' AND starts_at < %s", [_oldest_minute()]
        )
    differing = check(clock.now() - CHECKED)
    if differing:
        alarms.raise_alarm(
            ALARM, f"{differing} sums of GET /stats differ from the payouts: manage.py stats rebuild."
        )
    else:
        alarms.clear([ALARM])


@transaction.atomic
def rebuild(*, actor: str) -> None:
    """Count all payouts anew. Nobody who creates or ends payouts waits for it."""
    locks.hold(AdvisoryLock.TALLY)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM payouts_tally")
        cursor.execute(_REBUILD, {"since": _EVER, "oldest_minute": _oldest_minute()})
    log.record("stats.rebuilt", actor=actor)
    alarms.clear([ALARM])


def _oldest_minute() -> datetime:
    return (clock.now() - MINUTES_KEPT).replace(second=0, microsecond=0)
