"""`/kyc/applications`: a node operator applies, adds documents, hands in, answers what is asked, and follows it."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from pytest_django import Settings

from kyc import vault
from kyc.documents import converting
from kyc.documents.errors import DocumentRefused
from kyc.models import Finding, KycDocument, KycRecord, NodeOperator, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import contents, deciding, marking, taking
from lucid_payments.api.models import IdempotencyRecord
from tests.api_client import BASE, Answer, ApiClient
from tests.kyc import desk
from tests.kyc.documents import files

pytestmark = pytest.mark.django_db
BOUNDARY = "a-line-between-parts"
OWN = {"fields": desk.DECLARED}


@pytest.fixture(autouse=True)
def _unhindered(settings: Settings) -> None:
    settings.RATE_LIMIT_FACTOR = 1000


class Applicant(ApiClient):
    """A node operator's client, which sends files too."""

    def __init__(self, operator: NodeOperator | None = None) -> None:
        self.operator = operator or desk.operator()
        super().__init__(self.operator.user)

    def put(self, path: str, body: Any) -> Answer:
        return Answer(
            self.client.put(
                BASE + path, json.dumps(body), content_type="application/json", headers=self.headers
            )
        )

    def send(
        self,
        application: str,
        content: bytes,
        *,
        key: str = "",
        boundary: str = BOUNDARY,
        name: str = "scan",
        **fields: str,
    ) -> Answer:
        body = multipart({"kind": "passport", **fields}, {"file": content}, boundary, name)
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        return self.raw(application, body, f"multipart/form-data; boundary={boundary}", headers)

    def raw(
        self, application: str, body: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> Answer:
        path = f"{BASE}/kyc/applications/{application}/documents"
        return Answer(
            self.client.generic(
                "POST", path, body, content_type=content_type, headers=headers or self.headers
            )
        )

    def begin(self) -> str:
        answer = self.post("/kyc/applications", OWN)
        assert answer.status == 201, answer.body
        return str(answer.body["application_id"])

    def submit(self, application: str) -> Answer:
        return self.post(f"/kyc/applications/{application}/submit", {})

    def read(self, application: str) -> Any:
        answer = self.get(f"/kyc/applications/{application}")
        assert answer.status == 200
        return answer.body


def multipart(
    fields: dict[str, str], parts: dict[str, bytes], boundary: str = BOUNDARY, name: str = "scan"
) -> bytes:
    lines: list[bytes] = []
    for field, value in fields.items():
        lines += [f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}'.encode()]
    for part, content in parts.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{name}"\r\n\r\n'
        lines += [head.encode() + content]
    return b"\r\n".join([*lines, f"--{boundary}--\r\n".encode()])


def test_from_the_first_word_to_the_approval() -> None:
    applicant, officer = Applicant(), desk.officer()
    application = applicant.begin()
    content = files.jpeg_with_a_place()
    added = applicant.send(application, content)
    assert (added.status, added.body["media_type"], added.body["pages"]) == (201, "image/jpeg", 1)
    assert added.body["sha256"] == hashlib.sha256(content).hexdigest()
    handed_in = applicant.submit(application)
    assert (handed_in.status, handed_in.body["status"]) == (200, "submitted")

    record = taking.claim(KycRecord.objects.get(public_id=application), actor=officer)
    for place in marking.places(record)[:-1]:
        marking.mark(record, place, Finding.GOOD, actor=officer)
    scan = f"document:{added.body['document_id']}"
    marking.mark(record, scan, Finding.BAD, actor=officer, code="unreadable")
    deciding.ask(record, actor=officer, text="By daylight, please.")

    seen = applicant.read(application)
    assert seen["status"] == "info_requested"
    assert seen["information_request"]["items"] == [{"place": scan, "reason": "unreadable"}]
    assert seen["information_request"]["message"] == "By daylight, please."
    better = applicant.send(application, files.png(), replaces=added.body["document_id"])
    assert better.status == 201, better.body
    changed = applicant.put(f"/kyc/applications/{application}", {"fields": {**desk.DECLARED, "city": "Linz"}})
    assert (changed.status, changed.body["version"]) == (200, 2)
    assert applicant.submit(application).body["status"] == "in_review"

    record = KycRecord.objects.get(public_id=application)
    assert contents.opened(record).fields["city"] == "Linz"
    assert marking.undecided(record) == ["field:city", f"document:{better.body['document_id']}"]
    record = taking.claim(record, actor=officer) if record.lease_until is None else record
    for place in marking.undecided(record):
        marking.mark(record, place, Finding.GOOD, actor=officer)
    deciding.approve(record, actor=officer, risk=Risk.LOW, code="verified")
    seen = applicant.read(application)
    assert (seen["status"], seen["reasons"], seen["information_request"]) == ("approved", [], None)
    assert [found["replaced_by"] for found in seen["documents"]] == [better.body["document_id"], None]


def test_nothing_that_was_declared_is_answered_back() -> None:
    applicant = Applicant()
    application = applicant.begin()
    seen = applicant.read(application)
    assert seen["declared"] == list(desk.DECLARED)
    for value in desk.DECLARED.values():
        if len(value) > 3 and value not in ("passport",):
            assert value not in json.dumps(seen, default=str)


def test_an_applicant_reads_neither_the_desks_states_nor_that_a_list_was_matched() -> None:
    record = desk.pending()
    assert Applicant(record.operator).read(record.public_id)["status"] == "in_review"
    record = desk.suspended()
    seen = Applicant(record.operator).read(record.public_id)
    assert (seen["status"], seen["reasons"]) == ("suspended", ["not_accepted"])
    assert "screening" not in json.dumps(seen, default=str)
    record = desk.in_review()
    deciding.reject(record, actor=desk.officer(), code="screening_confirmed", text="Is on a list.")
    seen = Applicant(record.operator).read(record.public_id)
    assert (seen["status"], seen["reasons"]) == ("rejected", ["not_accepted"])
    assert "list" not in json.dumps(seen, default=str)


def test_what_is_wrong_is_said_by_field_and_changes_nothing() -> None:
    applicant = Applicant()
    wrong = {**desk.DECLARED, "birth_date": "29.02.1984", "nickname": "K"}
    del wrong["city"]
    details = applicant.post("/kyc/applications", {"fields": wrong}).refused(400, "LUCID_ERR_1002")
    assert set(details["fields"]) == {"birth_date", "city", "nickname"}
    assert "29.02.1984" not in json.dumps(details)
    assert applicant.post("/kyc/applications", {"fields": []}).status == 400
    assert applicant.post("/kyc/applications", {**OWN, "status": "approved"}).refused(
        400, "LUCID_ERR_1002"
    ) == {"status": ["Unknown field."]}
    assert not KycRecord.objects.exists()


def test_one_application_at_a_time_and_only_by_who_operates_nodes() -> None:
    applicant = Applicant()
    first = applicant.begin()
    details = applicant.post("/kyc/applications", OWN).refused(409, "LUCID_ERR_2015")
    assert details == {"application_id": first, "status": "draft"}
    assert [line["application_id"] for line in applicant.get("/kyc/applications").body["applications"]] == [
        first
    ]
    nobody = desk._user("without operator", "node_operator")
    ApiClient(nobody).post("/kyc/applications", OWN).refused(403, "LUCID_ERR_2010")
    assert KycRecord.objects.count() == 1


def test_a_draft_without_a_document_isn_t_taken() -> None:
    applicant = Applicant()
    application = applicant.begin()
    assert "documents" in applicant.submit(application).refused(400, "LUCID_ERR_1002")
    assert KycRecord.objects.get().state == State.DRAFT


@pytest.mark.parametrize(
    "state", [State.SUBMITTED, State.IN_REVIEW, State.PENDING_SECOND_REVIEW, State.APPROVED]
)
def test_while_the_desk_has_it_nothing_can_be_changed(state: State) -> None:
    record = desk.IN_STATE[state]()
    applicant, about = Applicant(record.operator), record.public_id
    before, documents = KycRecord.objects.values().get(), KycDocument.objects.count()
    outward = "in_review" if state == State.PENDING_SECOND_REVIEW else state.value
    for answer in (
        applicant.put(f"/kyc/applications/{about}", OWN),
        applicant.send(about, files.png()),
        applicant.submit(about),
    ):
        assert answer.refused(409, "LUCID_ERR_2015") == {"application_id": about, "status": outward}
    assert (KycRecord.objects.values().get(), KycDocument.objects.count()) == (before, documents)


def test_a_bad_file_is_refused_by_its_reason_and_leaves_nothing() -> None:
    applicant = Applicant()
    application = applicant.begin()
    for content, code in ((files.EXE, "program"), (files.png() + files.archive(), "something_after")):
        details = applicant.send(application, content, name="passport.pdf").refused(400, "LUCID_ERR_1002")
        assert (details["reason"], details["file"]) == (code, [str(DocumentRefused(code))])
    assert not KycDocument.objects.exists()


def test_the_name_of_a_file_counts_for_nothing() -> None:
    applicant = Applicant()
    application = applicant.begin()
    for name in ("../../etc/passwd", "program.exe", "x.svg"):
        added = applicant.send(application, files.png(), name=name)
        assert (added.status, added.body["media_type"]) == (201, "image/png")


PARTS: dict[str, tuple[dict[str, str], dict[str, bytes]]] = {
    "no file": ({"kind": "passport"}, {}),
    "another name": ({"kind": "passport"}, {"picture": b"x"}),
    "two files": ({"kind": "passport"}, {"file": b"x", "second": b"y"}),
    "an unknown field": ({"kind": "passport", "status": "approved"}, {"file": files.png()}),
    "an unknown kind": ({"kind": "visa"}, {"file": files.png()}),
    "no kind": ({}, {"file": files.png()}),
    "a wrong id": ({"kind": "passport", "replaces": "1"}, {"file": files.png()}),
    "an id of nobody's": (
        {"kind": "passport", "replaces": "1df4cba1-cc98-4e5c-be13-1020cd626ce1"},
        {"file": files.png()},
    ),
}


@pytest.mark.parametrize("parts", PARTS)
def test_a_body_that_isn_t_one_file_with_its_kind_is_refused(parts: str) -> None:
    applicant = Applicant()
    application = applicant.begin()
    body = multipart(*PARTS[parts])
    answer = applicant.raw(application, body, f"multipart/form-data; boundary={BOUNDARY}")
    answer.refused(400, "LUCID_ERR_1002")
    assert not KycDocument.objects.exists()


def test_other_bodies_are_refused_as_http_says(settings: Settings) -> None:
    applicant = Applicant()
    application = applicant.begin()
    applicant.raw(application, b"{}", "application/json").refused(415, "LUCID_ERR_1004")
    applicant.raw(application, b"x", "multipart/form-data").refused(400, "LUCID_ERR_1002")
    body = multipart({"kind": "passport"}, {"file": files.png()})
    cut = applicant.raw(application, body[:-40], f"multipart/form-data; boundary={BOUNDARY}")
    cut.refused(400, "LUCID_ERR_1002")
    chunked = {**applicant.headers, "Transfer-Encoding": "chunked"}
    whole = multipart({"kind": "passport"}, {"file": files.png() + bytes(1_000_000)})
    applicant.raw(application, whole, f"multipart/form-data; boundary={BOUNDARY}", chunked).refused(
        413, "LUCID_ERR_1004"
    )
    settings.KYC_DOCUMENT_MAX_MB = 1
    large = applicant.send(application, bytes(1_100_000)).refused(413, "LUCID_ERR_1004")
    assert large == {"body": ["At most 1000000 bytes are taken."]}
    assert not KycDocument.objects.exists()


def test_a_large_file_is_never_written_to_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a file on the disk")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", written)
    monkeypatch.setattr("django.core.files.uploadedfile.TemporaryUploadedFile.__init__", written)
    monkeypatch.setattr(converting, "convert", lambda content: desk.SCAN)
    applicant = Applicant()
    application = applicant.begin()
    content = bytes(django_settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1)
    assert applicant.send(application, content).status == 201


def test_the_same_file_with_the_same_key_is_one_document_whatever_the_boundary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    applicant = Applicant()
    application = applicant.begin()
    first = applicant.send(application, files.png(), key="scan-1")
    again = applicant.send(application, files.png(), key="scan-1", boundary="another-line")
    assert (first.status, again.status, again.content) == (201, 201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert applicant.send(application, files.jpeg(), key="scan-1").refused(409, "LUCID_ERR_1003")
    assert applicant.send(application, files.png(), key="scan-1", kind="selfie").status == 409
    assert KycDocument.objects.count() == 1


def test_every_post_is_repeatable() -> None:
    applicant = Applicant()
    key = {"Idempotency-Key": "apply"}
    first = applicant.post("/kyc/applications", OWN, key)
    assert applicant.post("/kyc/applications", OWN, key).content == first.content
    application = first.body["application_id"]
    applicant.send(application, files.png())
    path = f"/kyc/applications/{application}/submit"
    handed_in = applicant.post(path, {}, {"Idempotency-Key": "hand in"})
    assert applicant.post(path, {}, {"Idempotency-Key": "hand in"}).content == handed_in.content
    assert KycRecord.objects.count() == 1


# --- Nobody's data anywhere but sealed ----------------------------------------------------------------------

CANARIES = ("Kanari Vogelsang", "1984-02-29", "P-0000-INVENTED", "Erfundene Gasse", "kanari@example.invalid")


def test_what_was_declared_stands_in_no_log_row_address_or_answer(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, its refusals and a failure of our own, and then every row of every table."""
    caplog.set_level(logging.DEBUG)
    applicant, officer = Applicant(), desk.officer()
    answers = [applicant.post("/kyc/applications", OWN, {"Idempotency-Key": "canary"})]
    application = answers[0].body["application_id"]
    path = f"/kyc/applications/{application}"
    bad = {**desk.DECLARED, "birth_date": "1984-02-29T00:00", "country": "Kanari Vogelsang"}
    answers += [applicant.put(path, {"fields": bad}), applicant.put(path, OWN)]
    answers += [applicant.post("/kyc/applications", OWN)]
    for content in (files.jpeg(), files.pdf(), files.jpeg()[:300], b"Kanari Vogelsang"):
        answers.append(
            applicant.send(
                application, content, name="Kanari Vogelsang 1984-02-29.jpg", key=str(len(content))
            )
        )
    with monkeypatch.context() as broken:

        def fails(*arguments: Any) -> None:
            raise RuntimeError("a failure of ours")

        broken.setattr(vault, "seal", fails)
        answers.append(applicant.put(path, OWN))
        assert answers[-1].status == 500
    answers += [applicant.submit(application), applicant.get(path), applicant.get("/kyc/applications")]
    record = taking.claim(KycRecord.objects.get(), actor=officer)
    marking.mark(record, "field:birth_date", Finding.BAD, actor=officer, code="doesnt_match")
    deciding.ask(record, actor=officer, text="Is 1984-02-29 right, Kanari Vogelsang?")
    asked = [applicant.get(path), applicant.put(path, OWN)]
    answers.append(applicant.submit(application))

    staff = Client()
    staff.force_login(officer)
    pages = [staff.get("/admin/"), *(_pages(staff))]
    told = b"\n".join([*(answer.content for answer in answers), *(page.content for page in pages)]).decode()
    headers = "\n".join(str(answer.headers) for answer in answers)
    out, err = capfd.readouterr()
    everything = {
        "answers": told, "headers": headers, "log": caplog.text, "output": out + err, **_tables(),
    }  # fmt: skip
    for canary in CANARIES:
        assert [where for where, text in everything.items() if canary in text] == []
    # The one place: what the desk wrote to the applicant, for the applicant while it is asked.
    for answer in asked:
        assert "Kanari Vogelsang" in answer.body["information_request"]["message"]
    assert IdempotencyRecord.objects.count() >= 3


def _pages(staff: Client) -> list[Any]:
    document = KycDocument.objects.latest("added_at")
    return [
        staff.get(f"/admin/kyc/kycdocument/{document.pk}/", {"purpose": "review"}),
        staff.get("/admin/audit/auditentry/"),
    ]


def _tables() -> dict[str, str]:
    """Every row of every table as text."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" t")
            found[table] = cursor.fetchone()[0]
    assert len(found) > 40
    return found
