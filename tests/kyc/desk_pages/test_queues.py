"""The queues as pages: what they show, to whom, and at what price."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kyc.desk import queue_page
from kyc.models import KycRecord
from kyc.review import deciding, queues
from lucid_payments.accounts.models import User
from tests.kyc import desk
from tests.kyc.desk_pages.conftest import NOW

pytestmark = pytest.mark.django_db
LIST = "/admin/kyc/kycrecord/"
NEXT = f"{LIST}next/"


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_each_queue_shows_its_records_and_every_count() -> None:
    me = desk.officer("me")
    records = {
        "unassigned": desk.submitted(),
        "mine": desk.in_review(me),
        "applicant": desk.asked(desk.officer("other")),
    }
    client = desk.browser(me)
    for queue in queues.QUEUES:
        shown = page(client, queue_page.url(queue))
        assert f"<h1>{queue.title}</h1>" in shown
        for key, record in records.items():
            assert (record.public_id in shown) is (queue.key == key), queue.key
        assert desk.NAME not in shown
    index = page(client, LIST)
    for title, number in (
        ("Unassigned", 1),
        ("Mine", 1),
        ("Waiting for applicant", 1),
        ("Overdue", 0),
        ("Screening hits", 0),
    ):
        assert f'{title} <span class="tab-count">{number}</span>' in index


def test_take_next_is_a_post_that_opens_the_oldest_due() -> None:
    me = desk.officer("me")
    first, second = desk.submitted(), desk.submitted()
    client = desk.browser(me)
    assert client.get(NEXT).status_code == 405
    assert not KycRecord.objects.filter(owner=me).exists()
    assert client.post(NEXT)["Location"] == f"{LIST}{first.public_id}/"
    assert client.post(NEXT)["Location"] == f"{LIST}{second.public_id}/"
    assert client.post(NEXT)["Location"] == LIST
    assert KycRecord.objects.filter(owner=me, lease_until=NOW + timedelta(minutes=30)).count() == 2


@pytest.mark.parametrize(
    ("role", "reading", "taking"),
    [
        ("admin", 403, 403),
        ("payout_approver", 403, 403),
        ("auditor", 200, 403),
        ("node_operator", 302, 302),
    ],
)
def test_nobody_else_takes_anything(role: str, reading: int, taking: int) -> None:
    record = desk.submitted()
    before = record.revision
    client = desk.browser(User.objects.create(username="somebody", role=role))
    answer = client.post(NEXT)
    assert (answer.status_code, "kyc_" in answer.get("Location", "")) == (taking, False)
    record.refresh_from_db()
    assert (record.owner, record.revision) == (None, before)
    for path in (LIST, queue_page.url(queues.QUEUES[0]), f"{LIST}{record.public_id}/"):
        assert client.get(path).status_code == reading, path


def test_a_long_queue_goes_on_where_the_page_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_page, "PAGE", 2)
    client = desk.browser(desk.officer("me"))
    made = [desk.submitted().public_id for _ in range(5)]
    path, seen = queue_page.url(queues.of_key("unassigned")), []
    for _ in range(3):
        context = client.get(path).context
        seen += [row.record.public_id for row in context["rows"]]
        path = context["next_url"]
    assert seen == made
    assert path == ""


def test_it_goes_on_there_though_what_ended_the_page_is_decided_by_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_page, "PAGE", 1)
    me = desk.officer("me")
    first, second = desk.in_review(me), desk.in_review(me)
    client = desk.browser(me)
    path = client.get(queue_page.url(queues.of_key("mine"))).context["next_url"]
    deciding.reject(first, actor=me, code="identity_not_proven")
    assert [row.record for row in client.get(path).context["rows"]] == [second]


@pytest.mark.parametrize(
    "place", ["kyc_none", "20260715120000000000-", "20261315120000000000-1", "20260715120000000000-1%00",
              "20260715120000000000-9999999999999999999"]
)  # fmt: skip
def test_what_is_no_place_in_a_queue_is_not_found(place: str) -> None:
    client = desk.browser(desk.officer("me"))
    assert client.get(f"{queue_page.url(queues.QUEUES[0])}?after={place}").status_code == 404


def test_pages_cost_the_same_statements_however_many_records_there_are() -> None:
    me = desk.officer("me")
    client = desk.browser(me)
    paths = [LIST, *(queue_page.url(queue) for queue in queues.QUEUES)]

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client, path)
        return len(captured)

    def fill(number: int) -> None:
        for _ in range(number):
            desk.submitted()
            desk.in_review(me)

    fill(1)
    for path in paths:
        count(path)
    few = [count(path) for path in paths]
    fill(6)
    assert [count(path) for path in paths] == few
    assert max(few) <= 24
