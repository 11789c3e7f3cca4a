"""The policies in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from lucid_payments.database import rows
from routers.models.policy import GLOBAL, RouterPolicy

# As it stands, since every order asks it: Django takes longer to put it together than the database to answer.
_LATEST: Final = f"""
SELECT DISTINCT ON (scope) *, lucid_now() AS read_at FROM {RouterPolicy._meta.db_table} ORDER BY scope, version DESC
"""  # noqa: S608 - a table's name


@dataclass(frozen=True, slots=True)
class Policies:
    """One version of each scope, as read together at `at` (UTC, the one clock)."""

    everybody: RouterPolicy
    routers: dict[str, RouterPolicy]
    at: datetime

    def of(self, scope: str) -> RouterPolicy | None:
        """None for a scope that there isn't."""
        return self.everybody if scope == GLOBAL else self.routers.get(scope)

    def having(self, version: RouterPolicy) -> Policies:
        """These with one scope's other version."""
        if version.scope == GLOBAL:
            return replace(self, everybody=version)
        return replace(self, routers={**self.routers, version.scope: version})

    def hourly_limit(self, router: str) -> int:
        """What an hour can release at most, in base units."""
        return min(self.everybody.hourly_limit, self.routers[router].hourly_limit)

    def daily_limit(self, router: str) -> int:
        return min(self.everybody.daily_limit, self.routers[router].daily_limit)

    def creator_limit(self, role: str) -> int | None:
        """What one caller of this role may have released in a day; None without a cap."""
        limit = self.everybody.creator_limits.get(role)
        return None if limit is None else int(limit)


def current() -> Policies:
    """The latest version of every scope, in one query.

    Asked once a release and once an order and never kept longer, so that a new version counts at once.
    """
    found = {row.scope: row for row in rows.read(RouterPolicy, _LATEST, [])}
    everybody: Any = found.pop(GLOBAL)
    return Policies(everybody=everybody, routers=found, at=everybody.read_at.astimezone(UTC))
