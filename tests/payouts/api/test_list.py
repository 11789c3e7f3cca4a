"""`GET /payouts`: newest first, by offset or cursor, filtered, and each caller's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api import pagination
from payouts.models import Payout
from tests.api_client import ApiClient
from tests.payouts.api.conftest import MakePayout, MakeUser
from tests.payouts.api.rows import attempt_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def listed(api: ApiClient, **query: Any) -> dict[str, Any]:
    answer = api.get("/payouts?" + urlencode(query))
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [payout["payout_id"] for payout in body["payouts"]]


@pytest.fixture
def five(service: User, make_payout: MakePayout) -> list[str]:
    """Five payouts of the caller, newest first, a minute apart."""
    made = []
    for minute in range(5):
        clock.freeze(NOON + timedelta(minutes=minute))
        made.append(make_payout(service).payout_id)
    return made[::-1]


def test_the_newest_stand_first_and_look_as_they_do_alone(api: ApiClient, five: list[str]) -> None:
    body = listed(api)
    assert set(body) == {"payouts", "pagination", "filters"}
    assert ids(body) == five
    assert body["payouts"][0] == api.get(f"/payouts/{five[0]}").body
    assert body["pagination"] == {
        "total": 5, "limit": 20, "offset": 0, "has_next": False, "has_previous": False, "next_cursor": None,
    }  # fmt: skip


def test_pages_by_offset(api: ApiClient, five: list[str]) -> None:
    first, second, last = (listed(api, limit=2, offset=offset) for offset in (0, 2, 4))
    assert [ids(first), ids(second), ids(last)] == [five[:2], five[2:4], five[4:]]
    assert [page["pagination"]["has_next"] for page in (first, second, last)] == [True, True, False]
    assert [page["pagination"]["has_previous"] for page in (first, second, last)] == [False, True, True]
    assert first["pagination"]["total"] == 5


def test_pages_by_cursor_meet_every_payout_once_though_new_ones_arrive(
    api: ApiClient, five: list[str], service: User, make_payout: MakePayout
) -> None:
    met = []
    page = listed(api, limit=2)
    while True:
        met += ids(page)
        if page["pagination"]["next_cursor"] is None:
            break
        make_payout(service)
        page = listed(api, limit=2, cursor=page["pagination"]["next_cursor"])
        assert page["pagination"]["has_previous"]
    assert met == five


def test_a_page_past_the_end_is_empty(api: ApiClient, five: list[str]) -> None:
    body = listed(api, offset=5)
    assert (body["payouts"], body["pagination"]["has_next"], body["pagination"]["next_cursor"]) == (
        [],
        False,
        None,
    )


def test_beyond_the_exact_count_the_total_is_a_rounded_estimate(
    api: ApiClient, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "EXACT_TOTAL", 3)
    total = listed(api)["pagination"]["total"]
    assert total == 3 or total % 1000 == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"limit": "9" * 400}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "10001"}, "offset"),
        ({"offset": "1.5"}, "offset"),
        ({"cursor": "payout_unknown"}, "cursor"),
        ({"cursor": "\0"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "payout_a", "offset": "1"}, "cursor"),
        ({"status": "scheduled"}, "status"),
        ({"status": ""}, "status"),
        ({"router_type": "V0"}, "router_type"),
        ({"reference_id": "x" * 101}, "reference_id"),
        ({"reference_id": "\0"}, "reference_id"),
        ({"batch_id": "x" * 101}, "batch_id"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "2026-13-01"}, "start_date"),
        ({"end_date": "2026-11-22T25:00:00Z"}, "end_date"),
        ({"end_date": "1795348800"}, "end_date"),
    ],
    ids=str,
)
def test_a_bad_query_is_named_by_its_parameter(api: ApiClient, query: dict[str, str], field: str) -> None:
    assert field in api.get("/payouts?" + urlencode(query)).refused(400, "LUCID_ERR_1002")


def test_filters_by_status(api: ApiClient, five: list[str]) -> None:
    Payout.objects.filter(payout_id=five[0]).update(status="awaiting_approval")
    Payout.objects.filter(payout_id=five[1]).update(status="released")
    Payout.objects.filter(payout_id=five[2]).update(status="manual")
    Payout.objects.filter(payout_id=five[3]).update(status="cancelled")
    found = {
        status: ids(listed(api, status=status)) for status in ("pending", "processing", "cancelled", "failed")
    }
    assert found == {
        "pending": [five[0], five[4]],
        "processing": [five[1], five[2]],
        "cancelled": [five[3]],
        "failed": [],
    }


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({"start_date": "2026-11-22T12:01:00Z"}, 0, 3),
        ({"end_date": "2026-11-22T12:01:00Z"}, 4, 4),
        ({"start_date": "2026-11-22T14:01:00+02:00", "end_date": "2026-11-22T12:03:00"}, 2, 3),
        ({"start_date": "2026-11-22"}, 0, 4),
        ({"start_date": "2026-11-22", "end_date": "2026-11-23"}, 0, 4),
    ],
    ids=str,
)
def test_filters_by_time_with_the_start_in_and_the_end_out(
    api: ApiClient, five: list[str], query: dict[str, str], first: int, last: int
) -> None:
    assert ids(listed(api, **query)) == five[first : last + 1]


@pytest.mark.parametrize(
    "query", [{"end_date": "2026-11-22"}, {"router_type": "PayoutRouterKYC"}, {"batch_id": "batch_a"}]
)
def test_filters_that_nothing_passes(api: ApiClient, five: list[str], query: dict[str, str]) -> None:
    assert listed(api, **query)["payouts"] == []


def test_filters_by_reference(api: ApiClient, service: User, make_payout: MakePayout) -> None:
    wanted = make_payout(service, reference_id="invoice 7")
    make_payout(service, reference_id="invoice 8")
    assert ids(listed(api, reference_id="invoice 7")) == [wanted.payout_id]


def test_the_filters_come_back_as_they_were_understood(api: ApiClient, db: None) -> None:
    assert listed(api, status="pending", start_date="2026-11-22T14:00:00+02:00")["filters"] == {
        "status": "pending",
        "router_type": None,
        "batch_id": None,
        "reference_id": None,
        "start_date": "2026-11-22T12:00:00Z",
        "end_date": None,
    }


def test_each_caller_lists_own_payouts_and_an_admin_all(
    five: list[str], make_user: MakeUser, make_payout: MakePayout
) -> None:
    outsider = make_user("end_user")
    theirs = make_payout(outsider).payout_id
    assert ids(listed(ApiClient(outsider))) == [theirs]
    assert len(ids(listed(ApiClient(make_user("admin"))))) == 6


@pytest.mark.parametrize("role", ["compliance_officer", "payout_approver", "auditor"])
def test_back_office_roles_list_nothing_here(make_user: MakeUser, role: str) -> None:
    ApiClient(make_user(role)).get("/payouts").refused(403, "LUCID_ERR_2010")


def test_a_longer_list_takes_no_more_queries(
    api: ApiClient, five: list[str], django_assert_max_num_queries: Any
) -> None:
    for payout in Payout.objects.all():
        attempt_of(payout, "sent")
    with django_assert_max_num_queries(11):
        assert len(listed(api)["payouts"]) == 5
