"""`manage.py schema show|back`: the schema a version has, and the way back to an older version's (docs/upgrade.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.db.migrations.operations import AddField, CreateModel
from psycopg import sql

# The newest migration of each app; None for an app that the older version doesn't have.
Marks = dict[str, str | None]


class Command(BaseCommand):
    """`show` prints the newest migration of each app: kept before an upgrade, it is what `back` goes back to.

    `back` is run by the newer version, which knows how, while nothing else is connected. It says what is lost by it,
    and does it with `--yes` alone.
    """

    help = "The schema's version, and the way back to an older one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["show", "back"])
        parser.add_argument("file", nargs="?", type=Path, help="what `show` printed before the upgrade")
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "show":
            self.stdout.write(json.dumps(marks(), indent=1, sort_keys=True))
            return
        if options["file"] is None:
            raise CommandError("Name the file with what `manage.py schema show` printed before the upgrade.")
        wanted = _read(options["file"])
        plan = way_back(wanted)
        if not plan:
            self.stdout.write("The schema is that one already.")
            return
        for migration in plan:
            self.stdout.write(f"undone: {migration.app_label} {migration.name}")
        for sentence in lost_by(plan):
            self.stdout.write(sentence)
        if not options["yes"]:
            raise CommandError(
                "Nothing was changed. Say --yes to do it, with a base backup from now at hand."
            )
        _refuse_company()
        for app in dict.fromkeys(migration.app_label for migration in plan):
            call_command("migrate", app, wanted.get(app) or "zero", interactive=False, verbosity=0)
        self.stdout.write("Done: install the older version and start it.")


def marks() -> Marks:
    """The newest applied migration of each app."""
    newest: Marks = {}
    for app, name in sorted(MigrationExecutor(connection).loader.applied_migrations):
        newest[app] = name
    return newest


def way_back(wanted: Marks) -> list[Migration]:
    """What must be undone, newest first. Raises CommandError where it isn't a way back, or can't be gone."""
    executor = MigrationExecutor(connection)
    now = marks()
    unknown = [
        f"{app} {name}"
        for app, name in wanted.items()
        if name and (app, name) not in executor.loader.graph.nodes
    ]
    if unknown:
        raise CommandError(f"This version doesn't know {', '.join(unknown)}: go back with the newer version.")
    targets = [(app, wanted.get(app)) for app in now if wanted.get(app) != now[app]]
    plan = executor.migration_plan(targets)
    ahead = [migration for migration, backwards in plan if not backwards]
    if ahead:
        raise CommandError(
            f"That is a newer schema: run `manage.py migrate` ({ahead[0].app_label} {ahead[0].name})."
        )
    for migration, _ in plan:
        if not all(operation.reversible for operation in migration.operations):
            raise CommandError(
                f"{migration.app_label} {migration.name} can't be undone: restore the backup from before the upgrade."
            )
    return [migration for migration, _ in plan]


def lost_by(plan: list[Migration]) -> list[str]:
    """A sentence for each table with rows, and each column, that goes with it."""
    sentences = []
    for migration in plan:
        for operation in migration.operations:
            table = f"{migration.app_label}_{getattr(operation, 'model_name', getattr(operation, 'name', '')).lower()}"
            if isinstance(operation, CreateModel) and (
                rows := _rows(operation.options.get("db_table", table))
            ):
                sentences.append(f"lost: {rows} rows of {table}")
            elif isinstance(operation, AddField):
                sentences.append(f"lost: {operation.name} of {table}")
    return sentences


def _rows(table: str) -> int:
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return 0
        cursor.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)).as_string(cursor.connection)
        )
        return int(cursor.fetchone()[0])


def _refuse_company() -> None:
    """A process of the newer version would meet a schema that it doesn't know, in the middle of a payout."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"
            " AND pid <> pg_backend_pid()",
            [settings.DATABASE_APP_ROLE],
        )
        (others,) = cursor.fetchone()
    if others:
        raise CommandError(f"{others} sessions of our processes are open: stop all of them first.")


def _read(file: Path) -> Marks:
    try:
        read = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} isn't what `manage.py schema show` printed: {error}") from None
    if not isinstance(read, dict) or not all(name is None or isinstance(name, str) for name in read.values()):
        raise CommandError(f"{file} isn't what `manage.py schema show` printed.")
    return read
