"""A payout as one archive: all that is kept, provable file by file, and by the audit log."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from lucid_payments.accounts.models import User
from lucid_payments.audit import sealer
from lucid_payments.audit.archives import checking, making, rows
from lucid_payments.audit.archives.making import Archive
from lucid_payments.audit.models import AuditEntry
from payouts.archive.contents import PAPERS
from payouts.models import Payout
from tests.lucid_payments.audit.conftest import Execute
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.admin import world

Files = dict[str, bytes]
NAMES = {
    "payout",
    "approvals",
    "screening",
    "attestations",
    "timeline",
    "attempts",
    "ledger",
    "events",
    "cases",
}


def paid() -> Payout:
    """A payout with a dead attempt, a paying one and text that nothing may trip over."""
    creator = world.user("service")
    payout = world.payout(creator, "confirmed", reason=f"{world.INJECTION} \u4e2d\u6587 \U0001f4b0")
    world.attempt(payout, "dead")
    world.attempt(payout, "succeeded")
    world.note(creator, payout)
    return payout


def archived(payout: Payout, actor: User) -> Archive:
    return making.make(PAPERS, payout, actor=actor, reason="for the audit")


def unpacked(content: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def packed(files: Files, file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return file


@pytest.mark.django_db
def test_an_archive_holds_every_row_and_every_node_s_answer() -> None:
    payout = paid()
    files = unpacked(archived(payout, world.user("auditor")).content)

    assert files.keys() == {f"{name}.json" for name in NAMES} | {"payout.pdf", "audit.jsonl", "manifest.json"}
    told = {name: json.loads(files[f"{name}.json"]) for name in NAMES}
    assert told["payout"]["payout_id"] == payout.payout_id
    assert told["payout"]["amount"] == 5_500_000
    assert told["payout"]["creator"] == "service"
    assert told["payout"]["reason"] == payout.reason
    assert len(told["timeline"]) == payout.transitions.count()
    assert [attempt["state"] for attempt in told["attempts"]] == ["dead", "succeeded"]
    assert [answer["node"] for answer in told["attempts"][1]["answers"]] == ["node1", "node2"]
    assert bytes.fromhex(told["attempts"][1]["signed_transaction"]) == b"signed"
    assert [row["kind"] for row in told["ledger"]] == ["pending", "void", "pending", "post"]
    assert [event["type"] for event in told["events"]] == ["payout.confirmed"]
    assert "payout.created" in files["audit.jsonl"].decode()
    assert files["payout.pdf"].startswith(b"%PDF-")


@pytest.mark.django_db
def test_the_manifest_s_hash_stands_in_the_audit_log(tmp_path: Path) -> None:
    made = archived(paid(), world.user("auditor"))
    entry = AuditEntry.objects.get(action="archive.exported")
    assert entry.details["manifest_sha256"] == made.manifest_sha256
    assert entry.details["reason"] == "for the audit"
    file = tmp_path / "archive.zip"
    file.write_bytes(made.content)
    assert checking.check(file) == []


def _change(name: str) -> Callable[[Files], Files]:
    return lambda files: {**files, name: files[name] + b" "}


TAMPERED: list[tuple[Callable[[Files], Files], str]] = [
    *((_change(f"{name}.json"), f"Changed: {name}.json.") for name in sorted(NAMES)),
    (_change("payout.pdf"), "Changed: payout.pdf."),
    (lambda files: {name: files[name] for name in files if name != "ledger.json"}, "Missing: ledger.json."),
    (lambda files: {**files, "extra.json": b"{}"}, "Added: extra.json."),
    (lambda files: {**files, "audit.jsonl": b"{"}, "audit.jsonl, line 1, can't be read."),
    (_change("manifest.json"), "The audit log here has no export with this manifest"),
    (lambda files: {**files, "manifest.json": b"[]"}, "manifest.json isn't one of ours."),
    (
        lambda files: {name: files[name] for name in files if name != "manifest.json"},
        "There is no manifest.json.",
    ),
]


@pytest.mark.django_db
def test_every_change_is_told(tmp_path: Path) -> None:
    files = unpacked(archived(paid(), world.user("auditor")).content)
    for number, (tamper, finding) in enumerate(TAMPERED):
        found = checking.check(packed(tamper(dict(files)), tmp_path / f"{number}.zip"))
        assert any(sentence.startswith(finding) for sentence in found), (finding, found)


@pytest.mark.django_db
def test_a_forged_manifest_fits_its_files_but_not_the_log(tmp_path: Path) -> None:
    files = unpacked(archived(paid(), world.user("auditor")).content)
    manifest = json.loads(files["manifest.json"])
    forged = files["payout.json"].replace(b"5500000", b"9900000")
    for entry in manifest["files"]:
        if entry["name"] == "payout.json":
            entry["sha256"] = rows.sha256(forged)
    file = packed(
        {**files, "payout.json": forged, "manifest.json": json.dumps(manifest).encode()},
        tmp_path / "forged.zip",
    )
    assert checking.check(file, offline=True) == []
    assert len(checking.check(file)) == 1
    with pytest.raises(CommandError, match="isn't intact"):
        call_command("audit", "check-archive", str(file), stdout=io.StringIO())


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_archive_is_told_and_ends_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    assert len(checking.check(file)) == 1


@pytest.mark.django_db
def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LARGEST", 1_000)
    file = packed({"manifest.json": b"{}", "bomb": b"0" * 2_000}, tmp_path / "bomb.zip")
    assert checking.check(file) == ["The archive is larger than any that we make."]


@pytest.mark.alone
def test_sealed_lines_are_recomputed_and_a_changed_entry_of_the_export_is_found(
    cloned_database: str, tmp_path: Path, as_owner: Execute
) -> None:
    payout = paid()
    sealer.seal()
    made = archived(payout, world.user("auditor"))
    sealer.seal()
    file = tmp_path / "archive.zip"
    file.write_bytes(made.content)
    assert checking.check(file) == []

    files = unpacked(made.content)
    line = json.loads(files["audit.jsonl"].splitlines()[0])
    assert line["position"] == 1
    line["entry"] = line["entry"].replace("service", "nobody")
    changed = packed({**files, "audit.jsonl": json.dumps(line).encode()}, tmp_path / "changed.zip")
    assert "audit.jsonl, line 1, isn't what was sealed." in checking.check(changed, offline=True)

    as_owner("UPDATE audit_auditentry SET actor_label = 'nobody' WHERE action = 'archive.exported'")
    assert checking.check(file) == ["The audit entry of this export was changed after it was sealed."]


@pytest.mark.django_db
def test_the_page_asks_for_a_reason_and_a_code_and_answers_the_zip_once(tmp_path: Path) -> None:
    payout = paid()
    office = desk("auditor")
    path = f"/admin/payouts/payout/{payout.payout_id}/archive/"
    assert path in office.client.get(f"/admin/payouts/payout/{payout.payout_id}/").content.decode()
    form = office.form(path)

    assert office.send(path, form, code="000000").status_code == 200
    assert office.send(path, form, reason="short").status_code == 200
    assert not AuditEntry.objects.filter(action="archive.exported").exists()

    # A wrong code makes the device wait; the session proves itself anew.
    office = desk("auditor", name="another auditor")
    form = office.form(path)
    answer = office.send(path, form)
    assert answer["Content-Type"] == "application/zip"
    assert "no-store" in answer["Cache-Control"]
    file = tmp_path / "archive.zip"
    file.write_bytes(answer.content)
    assert checking.check(file) == []
    assert office.send(path, form).status_code == 302
    assert AuditEntry.objects.filter(action="archive.exported").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["compliance_officer", "payout_approver"])
def test_who_does_not_read_all_of_it_gets_none_of_it(role: str) -> None:
    payout = paid()
    office = desk(role)
    path = f"/admin/payouts/payout/{payout.payout_id}/archive/"
    assert path not in office.client.get(f"/admin/payouts/payout/{payout.payout_id}/").content.decode()
    assert office.client.get(path).status_code == 403
    assert office.client.post(path, {"reason": "because I want it"}).status_code == 403
    assert not AuditEntry.objects.filter(action="archive.exported").exists()
