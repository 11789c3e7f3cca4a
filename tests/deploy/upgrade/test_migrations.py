"""Every migration can be undone: an upgrade that went wrong must have a way back."""

from __future__ import annotations

import functools
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.migrations import RunSQL
from django.db.migrations.loader import MigrationLoader

from lucid_payments.management.commands import schema

# app, migration: why it can't be undone. Whoever adds one tells operators in docs/upgrade.md, too.
ONE_WAY: dict[tuple[str, str], str] = {}
OURS = {"lucid_payments", "accounts", "audit", "events", "api", "backoffice", "kyc", "routers", "payouts"}


@functools.cache
def loader() -> MigrationLoader:
    return MigrationLoader(None)


def migrations() -> list[tuple[str, str]]:
    return sorted(key for key in loader().graph.nodes if key[0] in OURS)


def test_there_are_migrations_of_every_app() -> None:
    assert {app for app, _ in migrations()} == OURS


def test_each_can_be_undone_or_says_why_not() -> None:
    one_way = {
        key for key in migrations() if not all(op.reversible for op in loader().graph.nodes[key].operations)
    }
    assert one_way == set(ONE_WAY)
    assert all(why.strip() for why in ONE_WAY.values())


@pytest.mark.django_db
def test_the_way_back_says_what_is_undone_and_lost_and_changes_nothing_unasked(tmp_path: Path) -> None:
    shown = StringIO()
    call_command("schema", "show", stdout=shown)
    now = json.loads(shown.getvalue())
    assert now == schema.marks()
    assert schema.way_back(now) == []
    older = tmp_path / "before.json"
    older.write_text(json.dumps({**now, "payouts": "0026_uploads"}))
    told = StringIO()
    with pytest.raises(CommandError, match="Say --yes"):
        call_command("schema", "back", str(older), stdout=told)
    undone = [line for line in told.getvalue().splitlines() if line.startswith("undone: payouts")]
    assert undone[-1] == "undone: payouts 0027_uploads_stay"
    assert schema.marks() == now


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{"payouts": "9999_of_the_future"}', "doesn't know payouts 9999_of_the_future"),
        ("no json", "isn't what"),
        ('{"payouts": 7}', "isn't what"),
    ],
)
def test_a_file_of_anything_else_is_refused(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "before.json"
    file.write_text(written)
    with pytest.raises(CommandError, match=said):
        call_command("schema", "back", str(file), "--yes")


@pytest.mark.django_db
def test_a_migration_that_can_t_be_undone_names_the_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is now; the day one comes, nobody learns of it half-way back."""
    monkeypatch.setattr(RunSQL, "reversible", False)
    with pytest.raises(CommandError, match="restore the backup from before the upgrade"):
        schema.way_back({**schema.marks(), "payouts": "0026_uploads"})
