"""A day that doesn't end while its report is made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lucid_payments import clock

NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon(request: pytest.FixtureRequest) -> None:
    commits = "cloned_database" in request.fixturenames
    request.getfixturevalue("cloned_database" if commits else "db")
    clock.freeze(NOON)
