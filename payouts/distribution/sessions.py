"""Sessions as Blockchain Core has them by now: what counts of all that was told, whose work it was, and how much."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db import connection

from kyc.wallets import current as wallets
from lucid_payments.accounts.models import User
from lucid_payments.accounts.subjects import account_of
from payouts.distribution.shares import credits_of
from payouts.models.work import WorkEvent, WorkKind

# The latest by what it says of its own time, of those that no other session's event corrects.
_CURRENT: Final = f"""
SELECT DISTINCT ON (session_id) session_id, id, event_id, node_id, user_id, sessions_relayed, megabytes_relayed
FROM {WorkEvent._meta.db_table} AS told
WHERE session_id = ANY(%(sessions)s) AND kind = %(kind)s AND NOT EXISTS (
    SELECT FROM {WorkEvent._meta.db_table} AS later WHERE later.corrects = told.event_id AND later.kind = %(kind)s
)
ORDER BY session_id, occurred_at DESC, id DESC
"""  # noqa: S608 - a table's name, and parameters


@dataclass(frozen=True, slots=True)
class Session:
    """One session by the event that counts now. It is the work of its node; of its user where it names no node."""

    session_id: str
    event_pk: int
    event_id: str
    node_id: str | None
    user_id: str | None
    sessions: int
    megabytes: Decimal

    @property
    def credits(self) -> int:
        """contract.md: one for each session relayed, or for each 5 MB begun, whichever is more."""
        return credits_of(self.sessions, self.megabytes)

    def account(self) -> User | None:
        """Whose session it is where it is a user's: Core names users by the subject of their tokens."""
        return account_of(self.user_id) if self.node_id is None and self.user_id is not None else None

    def wallet(self) -> str | None:
        """The address that its owner is paid at now; None without one that counts."""
        if self.node_id is not None:
            return wallets.of_node(self.node_id)
        account = self.account()
        return wallets.of_user(account.pk) if account is not None else None


def current(session_ids: Collection[str]) -> dict[str, Session]:
    """These sessions by id; one of which nothing counts is left out. One statement, none for none."""
    if not session_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT, {"sessions": list(session_ids), "kind": WorkKind.SESSION_COMPLETED.value})
        return {row[0]: Session(*row) for row in cursor.fetchall()}
