"""The head signed once a day for outsiders, and what shows with it that the log was rewritten."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from lucid_payments.audit import head_keys, publication, sealer, tasks
from lucid_payments.audit.models import AuditEntry, AuditSeal, PublishedHead
from lucid_payments.audit.verification import verify
from tests.lucid_payments.audit.conftest import Execute, write_entries

pytestmark = pytest.mark.alone


@pytest.fixture
def head_key(tmp_path: Path, settings: Settings) -> Path:
    file = tmp_path / "audit-head.pem"
    head_keys.create(file)
    settings.AUDIT_HEAD_KEY_FILE = str(file)
    return file


@pytest.fixture
def published(cloned_database: str, head_key: Path) -> PublishedHead:
    write_entries(4)
    sealer.seal()
    tasks.sign_head()
    return PublishedHead.objects.get()


def test_the_head_is_signed_once_a_day(published: PublishedHead) -> None:
    tasks.sign_head()
    assert PublishedHead.objects.count() == 1
    assert (published.position, published.hash) == (4, AuditSeal.objects.get(position=4).hash)
    assert publication.is_signed(published.statement(), publication.trusted_keys())
    assert verify().published_checked == 1
    assert verify().damage == []


@pytest.mark.parametrize(
    "change",
    [
        {"position": 3}, {"hash": "0" * 64}, {"day": "2020-01-01"}, {"deployment": "another"}, {"at": "earlier"},
        {"key": "0" * 16}, {"signature": "AAAA"}, {"signature": "no base64!"}, {"type": "other"},
    ],
)  # fmt: skip
def test_a_changed_statement_is_not_signed(published: PublishedHead, change: dict[str, object]) -> None:
    assert not publication.is_signed({**published.statement(), **change}, publication.trusted_keys())


def test_a_rewritten_log_breaks_on_the_published_head(published: PublishedHead, as_owner: Execute) -> None:
    as_owner("UPDATE audit_auditentry SET actor_label = 'nobody'; TRUNCATE audit_auditseal")
    sealer.seal()
    assert verify().damage == [f"Rewritten: the head published for {published.day} doesn't match seal 4."]


def test_a_statement_kept_elsewhere_finds_what_was_cut_off(
    published: PublishedHead, as_owner: Execute, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    call_command("audit", "head", write=kept, stdout=StringIO())
    call_command("audit", "verify", published=kept, stdout=StringIO())
    as_owner("ALTER TABLE audit_publishedhead DISABLE TRIGGER USER; TRUNCATE audit_publishedhead")
    as_owner("DELETE FROM audit_auditseal WHERE position = 4")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("audit", "verify", published=kept, stdout=out)
    assert "Cut off: the head published for" in out.getvalue()


def test_a_forged_statement_is_told(published: PublishedHead, tmp_path: Path) -> None:
    forged = tmp_path / "forged.jsonl"
    forged.write_text(json.dumps({**published.statement(), "deployment": "another"}) + "\n")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("audit", "verify", published=forged, stdout=out)
    assert "Forged" in out.getvalue()


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"position": "1"}', "\n"])
def test_a_file_of_something_else_is_refused(published: PublishedHead, tmp_path: Path, text: str) -> None:
    file = tmp_path / "other"
    file.write_text(text)
    with pytest.raises(CommandError, match="line 1, isn't a published head"):
        call_command("audit", "verify", published=file)


def test_heads_of_a_key_before_the_last_still_verify(published: PublishedHead, head_key: Path) -> None:
    before = head_key.read_text()
    call_command("audit", "key", rotate=True, stdout=StringIO())
    assert head_key.read_text() != before
    assert head_key.stat().st_mode & 0o777 == 0o600
    assert len(publication.trusted_keys()) == 2
    assert verify().damage == []


def test_making_the_key_again_keeps_it(head_key: Path) -> None:
    before = head_key.read_text()
    call_command("audit", "key", stdout=StringIO())
    assert head_key.read_text() == before


@pytest.mark.parametrize("line", ["", "x", "0" * 16 + " " + "0" * 64, "é"])
def test_a_damaged_file_of_public_keys_is_an_error(head_key: Path, line: str) -> None:
    head_keys.public_file(head_key).write_text(line + "\n")
    with pytest.raises(head_keys.HeadKeyError):
        publication.trusted_keys()


def test_without_a_key_nothing_is_signed_and_the_command_says_so(cloned_database: str) -> None:
    write_entries(1)
    sealer.seal()
    tasks.sign_head()
    assert not PublishedHead.objects.exists()
    with pytest.raises(CommandError, match="No head is signed yet"):
        call_command("audit", "head")
    assert AuditEntry.objects.count() == 1
