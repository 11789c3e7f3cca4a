"""Database, broker and cache: reachable, as the right role, and keeping what they are given."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from lucid_payments import privileges
from lucid_payments.celery import app as celery_app
from lucid_payments.doctor.examination import Finding, check, look, right, wrong

SUBJECT = "Data"
OLDEST: Final = 150_000
# Without any of these a power cut can take back what was paid.
DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")
START: Final = "Look at its log (journalctl -u postgresql@*-lucid), and at DATABASE_URL."


@check(SUBJECT, shared=True)
def database() -> Iterator[Finding]:
    begun = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_user, current_setting('server_version_num')::int, current_setting('server_version')"
            )
            role, number, version = cursor.fetchone()
    except Exception as error:  # noqa: BLE001 - whatever keeps us from it is the finding
        yield wrong(f"The database doesn't answer: {str(error).strip().splitlines()[0]}", START)
        return
    took = round(1000 * (time.monotonic() - begun))
    if number < OLDEST:
        yield wrong(f"PostgreSQL {version} is too old.", "Use 15 or later.")
        return
    yield right(f"PostgreSQL {version.split()[0]} answers in {took} ms, as {role}.")


@check(SUBJECT, needs="database")
def role() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        name, is_super = cursor.fetchone()
    if is_super:
        yield wrong(
            f"{name} is a superuser: whoever gets into a process can rewrite history.",
            f"Connect as {settings.DATABASE_APP_ROLE}, see docs/deploy.md.",
        )
    elif name != settings.DATABASE_APP_ROLE:
        yield look(
            f"We work as {name}, and rights are given to {settings.DATABASE_APP_ROLE}.",
            "Set DATABASE_URL's user and DATABASE_APP_ROLE to the same role.",
        )


@check(SUBJECT, needs="database", shared=True)
def durability() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(DURABLE)])
        off = sorted(name for name, setting in cursor.fetchall() if setting == "off")
    if off:
        yield wrong(
            f"PostgreSQL may lose what it has confirmed: {', '.join(off)} is off.",
            "Switch it on in postgresql.conf: a lost payout would be paid again.",
        )
    else:
        yield right("What it has confirmed survives a power cut.")


@check(SUBJECT, needs="database", shared=True)
def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield wrong(
            f"{len(plan)} migrations of this release aren't in the database.",
            "Run `systemctl start lucid-migrate`, or `manage.py migrate` as the owner.",
        )
    else:
        yield right("The database is of this release.")


@check(SUBJECT, needs="migrations", shared=True)
def history() -> Iterator[Finding]:
    """The trigger refuses changes to everybody; that the role may not ask for them is the second fence."""
    tables, forgotten = privileges.append_only_tables(), privileges.forgotten_tables()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
            " AND (has_table_privilege(name, 'UPDATE') OR has_table_privilege(name, 'TRUNCATE')"
            " OR (has_table_privilege(name, 'DELETE') AND name <> ALL(%s::text[])))",
            [tables, sorted(forgotten)],
        )
        open_ = sorted(name for (name,) in cursor.fetchall())
    if open_:
        yield wrong(
            f"Our role may change {len(open_)} tables whose rows must stay, {open_[0]} say.",
            "Run the migration again as the owner: it takes these rights away.",
        )
    else:
        yield right(f"Our role can't change any of the {len(tables)} tables of history.")


@check(SUBJECT, running=True, shared=True)
def broker() -> Iterator[Finding]:
    try:
        with celery_app.connection_for_write(connect_timeout=2) as link:
            link.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:  # noqa: BLE001 - each transport has errors of its own
        yield wrong(
            f"The broker doesn't answer ({type(error).__name__}).", "Start it: systemctl status lucid-valkey."
        )
        return
    yield right("The broker answers.")


@check(SUBJECT, running=True, shared=True)
def counters() -> Iterator[Finding]:
    """Limits of requests are counted there: entries that are thrown away are limits that are forgotten."""
    try:
        client = cache._cache.get_client()  # type: ignore[attr-defined]
        policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except Exception as error:  # noqa: BLE001 - each client has errors of its own
        yield wrong(
            f"The cache doesn't answer ({type(error).__name__}).", "Start it: systemctl status lucid-valkey."
        )
        return
    if policy != "noeviction":
        yield look(
            f"The cache throws entries away when it is full ({policy}): counted requests would be forgotten.",
            "Set maxmemory-policy noeviction.",
        )
    else:
        yield right("The cache answers, and keeps what it counts.")
