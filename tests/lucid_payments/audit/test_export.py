"""A span of the log as a file that proves itself, without the database."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from lucid_payments import clock
from lucid_payments.audit import export, sealer
from lucid_payments.audit.export import ExportRefused, Span
from lucid_payments.audit.models import AuditEntry
from tests.lucid_payments.audit.conftest import write_entries

pytestmark = pytest.mark.alone


@pytest.fixture
def exported(cloned_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # More entries than a chunk holds, so that the next one must begin where the last ended.
    monkeypatch.setattr(export, "CHUNK", 2)
    monkeypatch.setattr(export, "_ROWS", export._ROWS.replace("LIMIT 2000", "LIMIT 2"))
    write_entries(5)
    sealer.seal()
    write_entries(1)
    now = clock.now()
    file = tmp_path / "log.jsonl"
    start, end = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    call_command("audit", "export", "--from", start, "--to", end, str(file), stdout=StringIO())
    return file


def test_an_export_holds_each_sealed_entry_and_is_an_entry_itself(exported: Path) -> None:
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    manifest = json.loads(export.manifest_of(exported).read_bytes())
    assert [line["position"] for line in lines] == [1, 2, 3, 4, 5]
    assert (manifest["lines"], manifest["not_yet_sealed"]) == (5, 1)
    entry = AuditEntry.objects.get(action="audit.exported")
    assert (
        entry.details["manifest_sha256"]
        == hashlib.sha256(export.manifest_of(exported).read_bytes()).hexdigest()
    )
    assert export.check(exported) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('\\"number\\\\\\": 2', '\\"number\\\\\\": 3', "Line 3 isn't what was sealed at 3."),
        ('"position":2,', '"position":9,', "The file's SHA-256 isn't the manifest's."),
    ],
)
def test_a_changed_export_is_found(exported: Path, old: str, new: str, finding: str) -> None:
    text = exported.read_text()
    assert old in text
    exported.write_text(text.replace(old, new, 1))
    assert finding in export.check(exported)


@pytest.mark.parametrize("keep", [slice(0, 4), slice(1, 5), slice(0, 0)])
def test_a_line_taken_out_is_found(exported: Path, keep: slice) -> None:
    exported.write_text("".join(exported.read_text().splitlines(keepends=True)[keep]))
    assert any("lines, the manifest says 5" in sentence for sentence in export.check(exported))
    with pytest.raises(CommandError, match="isn't intact"):
        call_command("audit", "check-export", str(exported), stdout=StringIO())


@pytest.mark.parametrize("garbage", ["{", "[]", '{"previous_hash": "x", "entry": 1, "hash": ""}'])
def test_garbage_is_found_and_ends_nothing(exported: Path, garbage: str) -> None:
    exported.write_text(garbage + "\n" + exported.read_text())
    assert "Line 1 can't be read." in export.check(exported)


def test_nothing_is_overwritten(exported: Path) -> None:
    now = clock.now()
    before = exported.read_bytes()
    with pytest.raises(ExportRefused, match="there already"):
        export.write(Span(now - timedelta(hours=1), now + timedelta(hours=1)), exported, actor="test")
    assert exported.read_bytes() == before


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("yesterday", "2026-01-01", "--from takes a date"),
        ("2026-01-01", "2026-13-01", "--to takes a date"),
        ("2026-01-02", "2026-01-02", "--from must be before"),
        ("1999-01-01", "1999-01-02", "No sealed entry"),
    ],
)
def test_a_bad_span_is_refused(
    cloned_database: str, tmp_path: Path, start: str, end: str, words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("audit", "export", "--from", start, "--to", end, str(tmp_path / "x"))
    assert list(tmp_path.iterdir()) == []
