"""Files by the API: `POST /payouts/batch/upload` and what follows. Who may stands in test_who_may.py."""

from __future__ import annotations

from typing import Any

import pytest

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts.models import ApprovalRequest, Payout, PayoutUpload
from routers import killswitch
from tests.api_client import Answer, ApiClient
from tests.kyc.api.test_applications import multipart
from tests.payouts.api.conftest import own_rate_limits
from tests.payouts.approvals.conftest import account
from tests.payouts.uploads.files import address, csv_of, rows, xlsx_of

__all__ = ["own_rate_limits"]

PATH = "/payouts/batch/upload"


@pytest.fixture
def client(db: None) -> User:
    return account("client", "service")


@pytest.fixture
def api(client: User) -> ApiClient:
    return ApiClient(client)


def send(api: ApiClient, content: bytes, boundary: str = "one", key: str = "", **fields: Any) -> Answer:
    body = multipart(fields, {"file": content}, boundary, "march.csv")
    headers = {"Idempotency-Key": key} if key else {}
    return api.post(PATH, body, headers, f"multipart/form-data; boundary={boundary}")


def test_a_file_is_checked_followed_and_submitted(api: ApiClient) -> None:
    given = send(api, xlsx_of(rows(3, 1.5)), batch_type="DAILY", priority="HIGH")
    assert (given.status, given.body["status"], given.body["name"]) == (201, "checked", "march.csv")
    assert (given.body["rows"], str(given.body["total_amount_usdt"])) == (3, "4.50")
    one = f"{PATH}/{given.body['upload_id']}"
    assert api.get(one).body == given.body
    assert not Payout.objects.exists()
    done = api.post(f"{one}/submit", {"sha256": given.body["sha256"]})
    assert (done.status, done.body["status"], done.body["batch_type"]) == (201, "submitted", "DAILY")
    assert ApprovalRequest.objects.get().source_hash == given.body["sha256"]
    batch = api.get(f"/payouts/batch/{done.body['batch_id']}").body
    assert (batch["total_payouts"], batch["estimated_completion"]) == (3, None)
    assert set(Payout.objects.values_list("status", "priority")) == {("awaiting_approval", 1)}


def test_what_is_wrong_is_answered_by_cell_and_in_the_file(api: ApiClient) -> None:
    given = send(api, csv_of([(address(1), "5,5", "why", ""), (address(2), "5", "why", "")], separator=";"))
    assert (given.status, given.body["status"], given.body["findings_total"]) == (201, "refused", 1)
    (found,) = given.body["findings"]
    assert found == {
        "line": 2, "column": "amount_usdt", "cell": "B2", "weight": "wrong",
        "problem": "“5,5” has a comma before the decimals.", "right": "Write 5.5.",
    }  # fmt: skip
    one = f"{PATH}/{given.body['upload_id']}"
    back = api.client.get(f"/api/payment{one}/file", headers=api.headers)
    assert (back["Content-Type"], back["Cache-Control"]) == ("text/csv; charset=utf-8", "no-store")
    assert b"Write 5.5." in back.content
    details = api.post(f"{one}/submit", {"sha256": given.body["sha256"]}).refused(400, "LUCID_ERR_1002")
    assert "Something is wrong in it" in details["upload_id"][0]
    assert not Payout.objects.exists()


def test_what_is_no_file_of_payouts_is_refused_and_not_kept(api: ApiClient) -> None:
    for content, words in ((b"%PDF-1.7", "PDF"), (csv_of([], header=("a", "b")), "no rows")):
        details = send(api, content).refused(400, "LUCID_ERR_1002")
        assert words in " ".join(details["file"])
    send(api, bytes(2_100_000)).refused(413, "LUCID_ERR_1004")
    assert "status" in send(api, csv_of(rows(1)), status="submitted").refused(400, "LUCID_ERR_1002")
    assert not PayoutUpload.objects.exists()


def test_the_same_key_fields_and_file_are_the_same_request(api: ApiClient) -> None:
    first = send(api, csv_of(rows(2)), key="k")
    again = send(api, csv_of(rows(2)), boundary="other", key="k")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    send(api, csv_of(rows(3)), key="k").refused(409, "LUCID_ERR_1003")
    assert PayoutUpload.objects.count() == 1


def test_another_hash_unlooked_duplicates_and_a_kill_switch_submit_nothing(api: ApiClient) -> None:
    given = send(api, csv_of([(address(1), "5", "a", ""), (address(1), "5", "b", "")])).body
    path, right = f"{PATH}/{given['upload_id']}/submit", {"sha256": given["sha256"], "duplicates_meant": True}
    assert "sha256" in api.post(path, {"sha256": "0" * 64}).refused(400, "LUCID_ERR_1002")
    unsaid = api.post(path, {"sha256": given["sha256"]}).refused(400, "LUCID_ERR_1002")
    assert "duplicates_meant" in unsaid
    assert "duplicates_meant" in api.post(path, {**right, "duplicates_meant": "yes"}).refused(
        400, "LUCID_ERR_1002"
    )
    killswitch.pull(actor=None, reason="drill")
    api.post(path, right).refused(400, "LUCID_ERR_2003")
    assert not Payout.objects.exists()


def test_a_file_that_is_wrong_by_now_is_refused_and_says_so_from_then_on(
    api: ApiClient, client: User
) -> None:
    given = send(api, csv_of(rows(2))).body
    body = {"recipient_address": address(7), "amount_usdt": "1", "reason": "first", "reference_id": "ref-1"}
    assert api.post("/payouts", body).status == 201
    one = f"{PATH}/{given['upload_id']}"
    details = api.post(f"{one}/submit", {"sha256": given["sha256"]}, {"Idempotency-Key": "k"}).refused(
        400, "LUCID_ERR_1002"
    )
    assert "wrong by now" in details["upload_id"][0]
    now = api.get(one).body
    assert (now["status"], now["findings"][0]["column"]) == ("refused", "reference_id")
    assert AuditEntry.objects.filter(action="upload.refused", actor=client).count() == 1
    assert Payout.objects.count() == 1
