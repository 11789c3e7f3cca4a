"""Advisory locks by name. The order in which several are waited for is the order of their numbers.

Row locks come after them, always in primary-key order: attempts, payouts, limit windows, ledger accounts.
`only_one` and `try_hold` never wait and so have no place in that order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import IntEnum

from django.db import connection, transaction

_SPACE = 0x1C1D  # keeps our numbers apart from anybody else's advisory locks in the same database


class AdvisoryLock(IntEnum):
    """Never renumbered: two versions may run side by side during a deploy."""

    WATCH = 1
    RELEASE = 2
    SEAL = 3
    RELEASE_ROUND = 4
    RECONCILE = 5
    SEARCH = 6
    WEBHOOKS = 7
    TALLY = 8
    # Held by whoever signs and by whoever puts a sanctions list in force: every signature knows the newest.
    LISTS = 9
    RESCREEN = 10
    LIST_FETCH = 11
    # Held by a monthly run that draws its line; shared by who reports sessions and who creates payouts for them.
    MONTH = 12
    REPORTS = 14
    AUDIT_CHECK = 16
    BOOTSTRAP = 20


def hold(lock: AdvisoryLock) -> None:
    """Wait for `lock` and hold it until the transaction ends; raises RuntimeError outside of one."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_SPACE, lock])


def hold_shared(lock: AdvisoryLock) -> None:
    """Wait for who holds `lock`, together with others who hold it like this, and hold it until the transaction ends."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_SPACE, lock])


def try_hold(lock: AdvisoryLock) -> bool:
    """Hold `lock` until the transaction ends, or answer False at once when somebody else does."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_SPACE, lock])
        return bool(cursor.fetchone()[0])


def hold_names(names: Collection[str], *, shared: AdvisoryLock | None = None) -> None:
    """Wait for locks of these very names (a caller's references, say) and hold them until the transaction ends.

    Always in one order, and in one statement. Names share 64 bits of hash: two that collide by accident only wait
    for one another. With `shared` that lock comes first, as by `hold_shared`.
    """
    _require_transaction()
    first = f"SELECT pg_advisory_xact_lock_shared({_SPACE}, {int(shared)}) UNION ALL " if shared else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{first}SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended(name, %s) AS key"  # noqa: S608
            " FROM unnest(%s::text[]) AS name ORDER BY key) AS ordered",
            [_SPACE, list(names)],
        )


def try_hold_name(name: str) -> bool:
    """A lock of this very name, without waiting: False at once when somebody else holds it."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, %s))", [name, _SPACE])
        return bool(cursor.fetchone()[0])


@contextmanager
def only_one(lock: AdvisoryLock) -> Iterator[bool]:
    """True in the one process that may go on, False elsewhere; spans transactions, so that work with network
    calls in it can be done once at a time. It ends with the database connection, so a killed process frees it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_SPACE, lock])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_SPACE, lock])


def _require_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("This lock lasts as long as a transaction: take it inside one.")
