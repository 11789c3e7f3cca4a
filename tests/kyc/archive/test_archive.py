"""A verification as one archive: all that binds the decision, verifiable years later, and nothing of the person."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from kyc.archive.contents import PAPERS
from kyc.attestation import verification
from kyc.attestation.keys import KeyState, TrustedKey
from kyc.models import Attestation, CaseState, Finding, KycContent, KycRecord, Node, Risk, ScreeningCase
from kyc.review import deciding, erasing, marking, taking
from kyc.screening import cases
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.archives import checking, making
from lucid_payments.audit.models import AuditEntry
from payouts.archive import contents as payout_contents
from payouts.models import Payout
from tests.kyc import desk
from tests.kyc.attestations import attest
from tests.kyc.screening.lists import people, put_in_force, sdn_xml, stage, tron
from tests.lucid_payments.backoffice.people import desk as sit_down
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

LISTED = "Kanari Vogelsank"
CLEARED_BECAUSE = "The listed one was born in Graz in 1951"
NOTED = "Frau Vogelsang called about her passport"
NAMES = {
    "case", "timeline", "decisions", "declared", "documents", "marks", "requests", "notes", "screening", "lists",
    "attestations", "events",
}  # fmt: skip


def attested_case() -> KycRecord:
    """Approved after a name was cleared and a note written, and attested since."""
    sdn = {"name": "ofac-sdn", "format": "ofac_sdn"}
    put_in_force(stage(sdn_xml([(1, LISTED, [("TRX", tron("listed"))])]), sdn))
    officer = desk.officer()
    record = desk.in_review(officer)
    for case in ScreeningCase.objects.all():
        cases.decide(
            case, CaseState.CLEARED, by=people()[0], code="another_person", note=CLEARED_BECAUSE, details={}
        )
    for place in marking.places(record):
        record = marking.mark(record, place, Finding.GOOD, actor=officer)
    record = taking.note(record, actor=officer, text=NOTED)
    record = deciding.approve(record, actor=officer, risk=Risk.LOW, code="verified")
    record.operator.refresh_from_db()
    attest(Node.objects.create(node_id="node-of-it", operator=record.operator, reputation=Decimal("0.9")))
    return KycRecord.objects.select_related("operator__user", "subject", "owner").get(pk=record.pk)


def auditor() -> User:
    return User.objects.get_or_create(username="the-auditor", defaults={"role": "auditor"})[0]


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def archived(record: KycRecord) -> dict[str, bytes]:
    return unpacked(making.make(PAPERS, record, actor=auditor(), reason="the yearly audit").content)


def told(files: dict[str, bytes], name: str) -> Any:
    return json.loads(files[f"{name}.json"])


def texts(files: dict[str, bytes]) -> str:
    """Everything that can be read in it."""
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(files["case.pdf"])]
    others = [content.decode() for name, content in files.items() if name != "case.pdf"]
    return "\n".join([*pages, *others])


def test_it_binds_the_decision_and_names_nobody() -> None:
    record = attested_case()
    files = archived(record)
    assert files.keys() == {f"{name}.json" for name in NAMES} | {"case.pdf", "audit.jsonl", "manifest.json"}

    case, (decision,) = told(files, "case"), told(files, "decisions")
    assert (case["kyc_hash"], case["operator"]) == (record.kyc_hash, record.operator.operator_id)
    assert [node["node_id"] for node in case["nodes"]] == ["node-of-it"]
    assert (decision["reason"], decision["lists"]) == ("Identity verified by documents", {"ofac-sdn": 1})
    (version,) = told(files, "declared")
    assert version["names"] == list(desk.DECLARED)
    sealed = bytes(KycContent.objects.get(record=record).sealed)
    assert version["sealed_sha256"] == hashlib.sha256(sealed).hexdigest()
    (document,) = told(files, "documents")
    assert (document["sha256"], len(document["pages"])) == (desk.SCAN.sha256, 1)
    assert [step["act"] for step in told(files, "timeline")][-1] == "approved"
    for hit in told(files, "screening"):
        assert (hit["state"], hit["encounters"][0]["lists"]) == ("cleared", {"ofac-sdn": 1})
        assert hit["entry"].keys() == {"number", "list"}
    (listed,) = told(files, "lists")
    assert len(listed["file_sha256"]) == 64
    assert "kyc.approved" in files["audit.jsonl"].decode()
    assert "attestation.imported" in files["audit.jsonl"].decode()

    everything = texts(files)
    assert record.kyc_hash in everything
    personal = [*desk.DECLARED.values(), "Vogelsan", "born in Graz", "called about"]
    # What is as short as a postcode stands in some hash by chance; a document's kind is told.
    long_enough = [value for value in personal if len(value) > 5 and value != "passport"]
    assert [value for value in long_enough if value in everything] == []


def test_the_attestation_verifies_by_what_the_archive_holds() -> None:
    record = attested_case()
    (attestation,) = told(archived(record), "attestations")
    key = attestation["key"]
    trusted = TrustedKey(key["kid"], key["authority"], key["x"], KeyState(key["state"]), None)
    claims = verification.opened(attestation["document"], {key["kid"]: trusted})
    assert claims.kyc.hash == record.kyc_hash == attestation["says"]["kyc"]["hash"]


def test_a_payout_s_archive_holds_the_attestation_and_the_documents_hashes_behind_it() -> None:
    record = attested_case()
    payout = world.payout(world.user("service"), "confirmed")
    Payout.objects.filter(pk=payout.pk).update(
        node_id="node-of-it", created_at=clock.now(), ended_at=clock.now()
    )
    payout.refresh_from_db()
    made = making.make(payout_contents.PAPERS, payout, actor=auditor(), reason="the yearly audit")
    files = unpacked(made.content)
    (attestation,) = told(files, "attestations")
    assert attestation["document"] == Attestation.objects.get().document
    (document,) = attestation["documents"]
    assert (document["record"], document["sha256"]) == (record.public_id, desk.SCAN.sha256)
    assert "attestation.imported" in files["audit.jsonl"].decode()


def test_it_is_made_of_an_erased_person_too_and_the_hashes_are_the_same(tmp_path: Path) -> None:
    record = desk.rejected()
    before = archived(record)
    assert record.retain_until is not None
    clock.freeze(record.retain_until)
    erased = erasing.erase(record, actor=desk.officer(), second=desk.officer("second"), code="retention_over")
    made = making.make(PAPERS, erased, actor=auditor(), reason="after it was erased")
    after = unpacked(made.content)
    for name in ("declared", "documents", "notes", "decisions"):
        assert told(after, name) == told(before, name)
    assert told(after, "case")["erased_at"] is not None
    file = tmp_path / "case.zip"
    file.write_bytes(made.content)
    assert checking.check(file) == []


@pytest.mark.parametrize("role", ["auditor", "compliance_officer"])
def test_who_reads_cases_is_handed_one_and_says_what_for(role: str, tmp_path: Path) -> None:
    record = desk.rejected()
    office, case = sit_down(role, f"a-{role}"), f"/admin/kyc/kycrecord/{record.public_id}/"
    path = f"{case}archive/"
    assert path in office.client.get(case).content.decode()
    form = office.form(path)
    assert office.send(path, form, purpose="curiosity").status_code == 200
    assert not AuditEntry.objects.filter(action="archive.exported").exists()
    answer = office.send(path, form, purpose="audit")
    assert (answer["Content-Type"], "no-store" in answer["Cache-Control"]) == ("application/zip", True)
    entry = AuditEntry.objects.get(action="archive.exported")
    assert (entry.object_id, entry.details["purpose"]) == (str(record.pk), "audit")
    file = tmp_path / "case.zip"
    file.write_bytes(answer.content)
    assert checking.check(file) == []
    assert office.send(path, form, purpose="audit").status_code == 302
    assert AuditEntry.objects.filter(action="archive.exported").count() == 1


@pytest.mark.parametrize("role", ["admin", "payout_approver"])
def test_who_doesn_t_read_cases_gets_none(role: str) -> None:
    record = desk.rejected()
    office, path = sit_down(role, f"the-{role}"), f"/admin/kyc/kycrecord/{record.public_id}/archive/"
    assert office.client.get(path).status_code == 403
    assert office.client.post(path, {"reason": "because I want it", "purpose": "audit"}).status_code == 403
    assert not AuditEntry.objects.filter(action="archive.exported").exists()
