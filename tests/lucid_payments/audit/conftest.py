"""A chain to tamper with, and the owner's hands, which can switch triggers off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import transaction
from pytest_django import Settings

from lucid_payments.audit import log
from tests.harness import environment

Execute = Callable[[str], None]


@pytest.fixture
def as_owner(cloned_database: str, servers: environment.TestServers) -> Iterator[Execute]:
    """Run SQL as the tables' owner with every trigger off: what a thief of the owner's password could do."""
    url = environment.with_database(servers.owner_url, cloned_database)
    with psycopg.connect(url, autocommit=True) as connection:

        def execute(statement: str) -> None:
            for table in ("audit_auditentry", "audit_auditseal", "audit_audithead"):
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            connection.execute(statement)

        yield execute


@pytest.fixture
def seal_key(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "seal.key"
    file.write_text("k" * 64)
    settings.AUDIT_SEAL_KEY_FILE = str(file)


def write_entries(count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            log.record("payout.created", actor=None, details={"number": number})
