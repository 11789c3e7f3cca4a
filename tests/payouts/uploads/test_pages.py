"""The back office's pages on files: upload, read, take back, submit; who may; and large ones."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts
from payouts.acts import approvals as approval_acts
from payouts.models import ApprovalRequest, Payout, PayoutUpload
from payouts.models.upload import FileKind
from payouts.uploads import reading
from tests.lucid_payments.backoffice.people import Desk, desk
from tests.payouts.admin import world
from tests.payouts.approvals.test_pages import words
from tests.payouts.uploads import files
from tests.payouts.uploads.conftest import give
from tests.payouts.uploads.files import address, csv_of, rows, xlsx_of

LIST = "/admin/payouts/payoutupload/"


@pytest.fixture
def office(db: None) -> Desk:
    return desk("admin")


def upload(by: Desk, content: bytes, name: str = "march.csv", **told: Any) -> Any:
    form = {"batch_type": "HOURLY", "priority": "2", "router_type": "", **told}
    return by.client.post(f"{LIST}new/", {**form, "file": SimpleUploadedFile(name, content)})


def test_a_file_is_uploaded_read_submitted_and_approved(office: Desk) -> None:
    assert "recipient_address" in words(office.client.get(f"{LIST}new/"))
    answer = upload(office, xlsx_of(rows(3, 1.5)), "<b>march</b>.xlsx", batch_type="DAILY")
    row = PayoutUpload.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}{row.upload_id}/")
    page = office.client.get(answer["Location"])
    assert "<b>march" not in page.content.decode()
    shown = words(page)
    assert "4.50 USDT 3 rows, to 3 recipients" in shown
    assert row.sha256 in shown
    assert address(2) in shown
    confirm = words(office.client.get(acts.url("upload.submit", row.upload_id)))
    assert "3 payouts are created as one batch, all or none" in confirm
    done = office.act("upload.submit", row.upload_id)
    assert (done.status_code, done["Location"]) == (302, f"{LIST}{row.upload_id}/")
    assert Payout.objects.filter(status="awaiting_approval", batch_type="DAILY").count() == 3
    assert "its approval" in words(office.client.get(done["Location"]))
    approver = desk("payout_approver")
    request = ApprovalRequest.objects.get()
    shown = words(approver.client.get(f"/admin/payouts/approvalrequest/{request.pk}/"))
    assert row.sha256 in shown
    assert "always approved by somebody" in shown
    assert "Rows like another payout 0 of 3 Recipients never paid before 3 of 3" in shown
    assert row.sha256 in words(approver.client.get(acts.url("approval.approve", request.pk)))
    assert approver.act("approval.approve", request.pk, reason="").status_code == 302
    assert set(Payout.objects.values_list("status", flat=True)) == {"scheduled"}


def test_what_can_t_be_read_says_so_on_the_form_and_isn_t_kept(office: Desk) -> None:
    for content, told in (
        (b"address,amount\nx,y", "reason is missing"),
        (b"x" * (reading.MAXIMUM + 1), "more than 2,000,000 bytes"),
        ("Ä".encode("latin-1"), "isn't in UTF-8"),
    ):
        answer = upload(office, content)
        assert (answer.status_code, told in words(answer)) == (400, True), words(answer)
    assert not PayoutUpload.objects.exists()


def test_what_is_wrong_stands_on_the_page_and_in_the_file_that_is_taken_back(office: Desk) -> None:
    upload(office, csv_of([(address(1), "5,5", "=cmd()", "")], separator=";"))
    row = PayoutUpload.objects.get()
    shown = words(office.client.get(f"{LIST}{row.upload_id}/"))
    assert "B2 amount_usdt “5,5” has a comma before the decimals. Write 5.5." in shown
    assert "Something is wrong in it" in shown
    back = office.client.post(f"{LIST}{row.upload_id}/file/checked")
    assert back["Content-Disposition"] == f'attachment; filename="{row.upload_id}-checked.csv"'
    assert b"'=cmd();" in back.content
    assert office.client.post(f"{LIST}{row.upload_id}/file/original").content == bytes(row.content)
    assert AuditEntry.objects.filter(action="upload.exported").count() == 2
    assert acts.of_kind("upload.submit").allowed(office.user, row).reason.startswith("Something is wrong")
    # The form is refused too, whatever it sends.
    answer = office.send(acts.url("upload.submit", row.upload_id), {"version": "0" * 64, "token": "x"})
    assert (answer.status_code, Payout.objects.count()) == (403, 0)


def test_duplicates_are_submitted_with_a_tick_alone(office: Desk) -> None:
    upload(office, csv_of([(address(1), "5", "a", ""), (address(1), "5", "b", "")]))
    row = PayoutUpload.objects.get()
    assert "I have looked at each of them" in words(
        office.client.get(acts.url("upload.submit", row.upload_id))
    )
    assert (office.act("upload.submit", row.upload_id).status_code, Payout.objects.count()) == (200, 0)
    assert office.act("upload.submit", row.upload_id, meant="all").status_code == 302
    assert Payout.objects.count() == 2


@pytest.mark.parametrize("role", ["compliance_officer", "payout_approver", "auditor"])
def test_other_staff_read_with_a_factor_and_upload_nothing(office: Desk, role: str) -> None:
    row = give(csv_of(rows(1)), office.user)
    other = desk(role, name="other")
    assert "doesn't do this" in words(other.client.get(f"{LIST}{row.upload_id}/"))
    assert "doesn't do this" in words(other.client.get(LIST))
    assert other.client.get(f"{LIST}new/").status_code == 403
    assert upload(other, csv_of(rows(2))).status_code == 403
    assert other.client.post(f"{LIST}{row.upload_id}/file/original").status_code == 302
    taken = other.client.post(f"{LIST}{row.upload_id}/file/original", {"code": world.code_of(other.user)})
    assert taken.content == csv_of(rows(1))
    assert PayoutUpload.objects.count() == 1


def test_templates_are_there_and_other_addresses_are_not(office: Desk) -> None:
    for kind in FileKind:
        answer = office.client.get(f"{LIST}template.{kind}")
        assert answer["Content-Disposition"] == f'attachment; filename="payouts-template.{kind}"'
        assert reading.read(answer.content).kind == kind
    row = give(csv_of(rows(1)), office.user)
    for path in ("template.pdf", f"{row.upload_id}/file/other", "upload_none/file/checked"):
        answer = office.client.post(f"{LIST}{path}") if "file" in path else office.client.get(f"{LIST}{path}")
        assert answer.status_code == 404, path


def test_a_large_file_is_read_page_by_page_and_approved_by_what_matters_first(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval_acts, "MOST_LISTED", 3)
    monkeypatch.setattr("payouts.admin.approvals.MOST_LISTED", 3)
    monkeypatch.setattr("payouts.admin.uploads.SHOWN", 10)
    lines = [*rows(25, "0.5"), (files.address(99), "9", "the largest", "r-99")]
    row = give(csv_of(lines), office.user)
    with CaptureQueriesContext(connection) as asked:
        first = words(office.client.get(f"{LIST}{row.upload_id}/"))
    assert len(asked) <= 22
    assert address(9) in first
    assert address(10) not in first
    assert address(12) in words(office.client.get(f"{LIST}{row.upload_id}/?from=12"))
    office.act("upload.submit", row.upload_id)
    request = ApprovalRequest.objects.get()
    approver = desk("payout_approver")
    page = words(approver.client.get(f"/admin/payouts/approvalrequest/{request.pk}/"))
    assert "3 of 26" in page
    assert address(99) in page
    confirm = words(approver.client.get(acts.url("approval.approve", request.pk)))
    assert (address(99) in confirm, "Further payouts 23" in confirm) == (True, True)
    batch = PayoutUpload.objects.get().batch
    assert batch is not None
    assert address(99) in words(office.client.get(f"/admin/payouts/payout/?q={batch.batch_id}"))
