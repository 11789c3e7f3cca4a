"""Time is one SQL function, lucid_now(): the database's clock, so that every process agrees on it.

In demo and test alone it can be shifted or frozen, to follow the devnet's virtual clock; in staging and
production the function is `statement_timestamp()` and nothing else (`install` puts it there after each migrate).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models
from django.db.models.expressions import Func

PLAIN = """
CREATE OR REPLACE FUNCTION lucid_now() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT statement_timestamp() $$;
"""
STEPPABLE = """
CREATE TABLE IF NOT EXISTS lucid_clock (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    shift interval NOT NULL DEFAULT '0',
    frozen_at timestamptz
);
INSERT INTO lucid_clock (id) VALUES (1) ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION lucid_now() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT coalesce(frozen_at, statement_timestamp() + shift) FROM lucid_clock $$;
"""
REMOVE_STEPPABLE = PLAIN + "DROP TABLE IF EXISTS lucid_clock;"


class LucidNow(Func):
    """lucid_now() inside a query."""

    function = "lucid_now"
    template = "%(function)s()"
    arity = 0
    output_field = models.DateTimeField()


def may_be_stepped() -> bool:
    return settings.LUCID_ENV in ("demo", "test")


def install() -> None:
    """Put the function of this environment in place (as the owner, after migrate)."""
    with connection.cursor() as cursor:
        cursor.execute(STEPPABLE if may_be_stepped() else REMOVE_STEPPABLE)


def now() -> datetime:
    """The time, UTC, by the one clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT lucid_now()")
        value: datetime = cursor.fetchone()[0]
    return value.astimezone(UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, as the chain counts."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def freeze(at: datetime) -> None:
    """Stand still at `at` (demo and test only)."""
    _update("frozen_at = %s, shift = '0'", [at])


def shift(by: timedelta) -> None:
    """Run on, `by` away from the database's own clock (demo and test only)."""
    _update("frozen_at = NULL, shift = %s", [by])


def _update(assignment: str, parameters: list[Any]) -> None:
    if not may_be_stepped():
        raise RuntimeError("The clock is steppable in demo and test only.")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE lucid_clock SET {assignment} WHERE id = 1", parameters)  # noqa: S608
