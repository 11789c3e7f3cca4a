"""How long an officer waits for the next case, with 50,000 records at the desk and half of them in its queues.

`python -m tests.load desk [RECORDS]`. One officer, one process, no gunicorn and no browser between: everything of ours,
middleware to template, and PostgreSQL with its commits. The cases that are opened come by the acts that lead there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.load.gate import database_server
from tests.load.web import cpu_seconds_of

if TYPE_CHECKING:
    from django.test import Client

RECORDS: Final = 50_000
TIMES: Final = 20
TARGET_MS: Final = 300
LIST: Final = "/admin/kyc/kycrecord/"


@dataclass(frozen=True, slots=True)
class Waited:
    """Milliseconds: the waits, each; and what one took of the processors, here and in the database."""

    name: str
    waits: list[float]
    here: float
    database: float

    @property
    def median(self) -> float:
        return sorted(self.waits)[len(self.waits) // 2]

    def __str__(self) -> str:
        return (
            f"{self.name}: best {min(self.waits):.0f} ms, median {self.median:.0f} ms, longest"
            f" {max(self.waits):.0f} ms; processor {self.here:.0f} ms here, {self.database:.0f} ms in the database"
        )


def main(records: int = RECORDS) -> int:
    with database_server() as fresh, fresh():
        client = fill(records)
        opened: list[str] = []

        def open_next() -> None:
            opened.append(client.post(f"{LIST}next/")["Location"])
            _see(client, opened[-1])

        waited = [
            measure("take next, and the case opens", open_next),
            measure("what it declares is shown", lambda: _see(client, f"{opened[-1]}?purpose=review")),
            measure("the longest queue", lambda: _see(client, f"{LIST}queue/unassigned/")),
            measure("the desk", lambda: _see(client, LIST)),
            measure("the first page", lambda: _see(client, "/admin/")),
        ]
    print(f"{records:,} records")
    for each in waited:
        print(each, flush=True)
    distinct = len(set(opened)) == len(opened)
    return 0 if distinct and waited[0].median < TARGET_MS else 1


def measure(name: str, act: Callable[[], object], times: int = TIMES) -> Waited:
    database_process = postmaster()
    act()  # Templates are compiled once.
    waits = []
    here, database = time.process_time(), cpu_seconds_of(database_process)
    for _ in range(times):
        began = time.perf_counter()
        act()
        waits.append(1000 * (time.perf_counter() - began))
    used_here, used_there = time.process_time() - here, cpu_seconds_of(database_process) - database
    return Waited(name, waits, 1000 * used_here / times, 1000 * used_there / times)


def fill(records: int, cases: int = TIMES + 1) -> Client:
    """So many records, with so many whole cases due before them all; the officer's browser."""
    import psycopg
    from django.db import connections

    from kyc.models import KycRecord
    from lucid_payments import clock
    from tests.harness.environment import with_database
    from tests.kyc import desk
    from tests.load import desk_past

    me, other = desk.lead("me"), desk.officer("other")
    desk_past.write(records, [me.pk, other.pk])
    made = [desk.submitted().pk for _ in range(cases)]
    KycRecord.objects.filter(pk__in=made).update(due_at=clock.now() - timedelta(days=30))
    url = with_database(os.environ["DATABASE_OWNER_URL"], connections.databases["default"]["NAME"])
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
    return desk.browser(me)


def _see(client: Client, path: str) -> None:
    answer: Any = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")


def postmaster() -> int:
    """The database's first process: the parent of the one that answers us."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
