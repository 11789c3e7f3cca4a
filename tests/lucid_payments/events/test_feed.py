"""`GET /events`: each event once, in one order, to those it belongs to, without personal data."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.events import outbox
from tests.api_client import ApiClient

# Other tests' open transactions, in any database of the server, would keep events back.
pytestmark = pytest.mark.alone

RECIPIENT = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


def user(name: str = "client", role: str = "service") -> User:
    return User.objects.create_user(name, role=role)


def emit(owner: User | None, number: int = 0, subject: str = "payout", **payload: Any) -> str:
    with transaction.atomic():
        event = outbox.emit(
            f"{subject}.told", subject_type=subject, subject_id=f"s-{number}", owner=owner, payload=payload
        )
    return event.event_id


def read(owner: User, query: str = "") -> dict[str, Any]:
    answer = ApiClient(owner).get(f"/events{query}")
    assert answer.status == 200, answer.body
    return dict(answer.body)


def ids(body: dict[str, Any]) -> list[str]:
    return [event["id"] for event in body["events"]]


def test_events_come_oldest_first_and_in_pages(cloned_database: Any) -> None:
    owner = user()
    emitted = [emit(owner, number) for number in range(5)]
    first = read(owner, "?limit=2")
    assert ids(first) == emitted[:2]
    assert first["pagination"] == {"limit": 2, "has_next": True, "next_cursor": emitted[1]}
    second = read(owner, f"?limit=3&cursor={emitted[1]}")
    assert (ids(second), second["pagination"]["has_next"]) == (emitted[2:], False)
    nothing_new = read(owner, f"?cursor={emitted[4]}")
    assert (ids(nothing_new), nothing_new["pagination"]["next_cursor"]) == ([], emitted[4])


def test_a_body_is_thin(cloned_database: Any) -> None:
    owner = user()
    emit(owner, payout_id="payout_1", status="confirmed", recipient_address=RECIPIENT, amount_usdt="5.5")
    event = read(owner)["events"][0]
    assert set(event) == {"id", "type", "timestamp", "data"}
    assert event["data"] == {"payout_id": "payout_1", "status": "confirmed", "amount_usdt": "5.5"}


def test_others_events_are_not_there_nor_is_their_cursor(cloned_database: Any) -> None:
    owner, other = user(), user("other")
    foreign = emit(other)
    assert ids(read(owner)) == []
    ApiClient(owner).get(f"/events?cursor={foreign}").refused(400, "LUCID_ERR_1002")


def test_the_systems_own_events_are_for_administrators(cloned_database: Any) -> None:
    owner, admin = user(), user("admin", "admin")
    emit(None, subject="breaker", state="open", reason="typed by somebody")
    emit(None, subject="alarm", sentence="of no client's business")
    assert ids(read(owner)) == []
    events = read(admin)["events"]
    assert [event["data"] for event in events] == [{"state": "open", "scope": "s-0"}]


def test_what_commits_late_is_not_passed_over(cloned_database: Any) -> None:
    """The first writer takes the lower id and commits last: a reader in between must not go past it."""
    owner = user()
    begun, go_on = threading.Event(), threading.Event()
    late: list[str] = []

    def write_slowly() -> None:
        with transaction.atomic():
            event = outbox.emit("payout.told", subject_type="payout", subject_id="slow", owner=owner)
            late.append(event.event_id)
            begun.set()
            assert go_on.wait(30)
        connections.close_all()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert begun.wait(30)
    quick = emit(owner)
    between = ids(read(owner))
    go_on.set()
    writer.join()
    after = ids(read(owner, f"?cursor={between[-1]}" if between else ""))
    assert sorted(between + after) == sorted([quick, *late])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=x", "limit"),
        ("?cursor=evt_x", "cursor"),
        ("?type=%00", "type"),
    ],
)
def test_bad_queries_are_named(db: None, query: str, field: str) -> None:
    assert field in ApiClient(user()).get(f"/events{query}").refused(400, "LUCID_ERR_1002")


def test_one_type_alone(cloned_database: Any) -> None:
    owner = user()
    emit(owner)
    batch = emit(owner, subject="batch")
    assert ids(read(owner, "?type=batch.told")) == [batch]


@pytest.mark.parametrize("role", ["auditor", "compliance_officer", "payout_approver"])
def test_back_office_roles_read_none(db: None, role: str) -> None:
    ApiClient(user(role=role)).get("/events").refused(403, "LUCID_ERR_2010")
