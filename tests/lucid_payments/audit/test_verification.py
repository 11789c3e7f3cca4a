"""`audit verify` finds an edit, a deletion, a swap, a cut and a forgery, even by the tables' owner."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from lucid_payments.audit import sealer
from lucid_payments.audit.models import AuditEntry, AuditHead, AuditSeal
from lucid_payments.audit.verification import verify
from tests.lucid_payments.audit.conftest import Execute, write_entries

TAMPERED = [
    ("UPDATE audit_auditentry SET actor_label = 'nobody' WHERE id = {third}", "Changed or moved"),
    ("UPDATE audit_auditentry SET role = 'admin' WHERE id = {third}", "Changed or moved"),
    ("UPDATE audit_auditentry SET client = 'gateway:x' WHERE id = {third}", "Changed or moved"),
    ("UPDATE audit_auditentry SET details = '{{\"number\": 2.0}}' WHERE id = {third}", "Changed or moved"),
    (
        "DELETE FROM audit_auditseal WHERE position = 3; DELETE FROM audit_auditentry WHERE id = {third}",
        "Deleted",
    ),
    (
        "SET session_replication_role = replica; DELETE FROM audit_auditentry WHERE id = {third};"
        "SET session_replication_role = origin",
        "Deleted",
    ),
    (
        "UPDATE audit_auditseal SET position = 0 WHERE position = 2;"
        "UPDATE audit_auditseal SET position = 2 WHERE position = 3;"
        "UPDATE audit_auditseal SET position = 3 WHERE position = 0",
        "Broken",
    ),
    (
        "UPDATE audit_auditentry a SET action = b.action, at = b.at, details = b.details"
        " FROM audit_auditentry b WHERE a.id = {third} AND b.id = {third} - 1",
        "Changed or moved",
    ),
    ("DELETE FROM audit_auditseal WHERE position > 3", "Cut off"),
    (
        "DELETE FROM audit_auditseal WHERE position > 3;"
        "DELETE FROM audit_auditentry WHERE NOT EXISTS (SELECT FROM audit_auditseal s WHERE s.entry_id = id)",
        "Cut off",
    ),
    ("TRUNCATE audit_auditseal, audit_auditentry", "Cut off"),
    ("UPDATE audit_audithead SET hash = repeat('0', 64)", "Forged"),
]

# The sealer waits for every transaction of the cluster, other tests' databases included.
pytestmark = pytest.mark.alone


@pytest.fixture
def sealed_log(cloned_database: str, seal_key: None) -> None:
    write_entries(6)
    sealer.seal()


def test_an_untouched_log_is_in_order(sealed_log: None) -> None:
    report = verify()
    assert (report.sealed, report.heads_checked, report.unsealed, report.damage) == (6, 1, 0, [])


@pytest.mark.parametrize(("statement", "finding"), TAMPERED)
def test_tampering_is_found(sealed_log: None, as_owner: Execute, statement: str, finding: str) -> None:
    third = AuditEntry.objects.order_by("id")[2].pk
    as_owner(statement.format(third=third))
    damage = verify().damage
    assert any(sentence.startswith(finding) for sentence in damage), damage


def test_a_chain_that_was_rebuilt_from_changed_entries_breaks_on_the_signed_head(
    sealed_log: None, as_owner: Execute
) -> None:
    as_owner("UPDATE audit_auditentry SET actor_label = 'nobody'; TRUNCATE audit_auditseal")
    sealer.seal()
    assert AuditSeal.objects.count() == 6
    assert any("Rewritten" in sentence for sentence in verify().damage)


def test_a_head_kept_on_paper_is_checked_too(sealed_log: None, as_owner: Execute) -> None:
    kept = verify()
    assert verify((kept.sealed, kept.head)).damage == []
    as_owner("DELETE FROM audit_auditseal WHERE position = 6; TRUNCATE audit_audithead")
    assert verify().damage == []
    assert verify((kept.sealed, kept.head)).damage == [
        "Cut off: the head given is at 6, but the log has no such seal."
    ]


def test_entries_that_wait_for_the_sealer_are_told_and_are_no_damage(sealed_log: None) -> None:
    write_entries(2)
    report = verify()
    assert (report.unsealed, report.damage) == (2, [])
    assert report.oldest_unsealed is not None


def test_a_head_is_signed_at_most_once_an_hour(sealed_log: None) -> None:
    write_entries(1)
    sealer.seal()
    assert AuditHead.objects.count() == 1


def test_without_a_key_no_head_is_signed(cloned_database: str) -> None:
    write_entries(1)
    sealer.seal()
    assert not AuditHead.objects.exists()
    assert verify().damage == []


def test_the_command_exits_with_an_error_on_damage_and_only_then(
    sealed_log: None, as_owner: Callable[[str], None]
) -> None:
    out = StringIO()
    call_command("audit", "verify", stdout=out)
    assert "sealed: 6" in out.getvalue()
    as_owner("UPDATE audit_auditentry SET action = 'something else'")
    with pytest.raises(CommandError) as failure:
        call_command("audit", "verify", stdout=out)
    assert failure.value.returncode == 1


@pytest.mark.parametrize("head", ["", "6", "6:xyz", "x:" + "0" * 64])
def test_the_command_refuses_a_head_it_cannot_read(db: None, head: str) -> None:
    with pytest.raises(CommandError, match="POSITION:HASH"):
        call_command("audit", "verify", head=head)


@pytest.mark.usefixtures("sealed_log")
def test_who_may_not_read_the_key_checks_all_but_signatures_and_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    """The web, say: live, the worker alone may read it."""
    settings.AUDIT_SEAL_KEY_FILE = str(tmp_path / "not-for-us")
    out = StringIO()

    call_command("audit", "verify", stdout=out)

    assert "sealed: 6" in out.getvalue()
    assert "not their signatures: no AUDIT_SEAL_KEY_FILE here" in out.getvalue()
