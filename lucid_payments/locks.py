"""Advisory locks: whoever must be alone in the whole system holds one, until its transaction ends.

The numbers are never changed and never used again: two releases that run side by side must agree on them.
"""

from __future__ import annotations

import enum

from django.db import connection


class AdvisoryLock(enum.IntEnum):
    AUDIT_SEALER = 1


def try_hold(lock: AdvisoryLock) -> bool:
    """Take `lock` until the transaction ends; False when somebody else has it.

    Raises RuntimeError outside a transaction, where the lock would be given back at once.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{lock.name} is held until the transaction ends; there is none.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int(lock)])
        held: bool = cursor.fetchone()[0]
    return held
