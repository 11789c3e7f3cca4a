"""Blockchain Core's events: each fact once, whole lists or none, corrections beside what they correct."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import EventConflict
from lucid_payments.audit.models import AuditEntry
from payouts.distribution import reports
from payouts.models import WorkEvent, WorkKind
from tests.api_client import ApiClient

SESSIONS = "/events/session-completed"


@pytest.fixture
def core(db: None) -> ApiClient:
    return ApiClient(User.objects.create_user("core", role="service"))


def session(**given: Any) -> dict[str, Any]:
    return {
        "event_id": f"evt-{uuid.uuid4().hex[:12]}",
        "occurred_at": "2026-01-31T12:00:05Z",
        "session_id": "session-1",
        "node_id": "node-1",
        "started_at": "2026-01-31T11:00:00Z",
        "ended_at": "2026-01-31T12:00:00Z",
        "sessions_relayed": 12,
        "megabytes_relayed": "730.25",
        **given,
    }


def test_a_session_is_written_down_as_it_was_told(core: ApiClient) -> None:
    answer = core.post(SESSIONS, session(event_id="evt-1", user_id="user-1"))
    assert (answer.status, answer.body) == (200, {"accepted": 1, "repeated": 0})
    row = WorkEvent.objects.get()
    assert (row.kind, row.session_id, row.node_id, row.user_id) == (
        "session-completed", "session-1", "node-1", "user-1",
    )  # fmt: skip
    assert (row.sessions_relayed, str(row.megabytes_relayed)) == (12, "730.250000")
    assert row.ended_at is not None
    assert row.ended_at.isoformat() == "2026-01-31T12:00:00+00:00"
    assert AuditEntry.objects.get(action="work.reported").details["events"] == 1


def test_the_same_event_again_counts_once(core: ApiClient) -> None:
    told = session()
    core.post(SESSIONS, told)
    # The same number and the same moment, written otherwise.
    again = {**told, "megabytes_relayed": 730.25, "ended_at": "2026-01-31T13:00:00+01:00"}
    assert core.post(SESSIONS, [again, told, session()]).body == {"accepted": 1, "repeated": 2}
    assert WorkEvent.objects.count() == 2


def test_the_same_id_for_something_else_refuses_the_whole_list(core: ApiClient) -> None:
    told = session()
    core.post(SESSIONS, told)
    answer = core.post(SESSIONS, [session(), {**told, "sessions_relayed": 13}])
    assert (answer.status, answer.body["error"]["code"]) == (409, "LUCID_ERR_2013")
    assert list(answer.body["error"]["details"]) == ["1"]
    assert WorkEvent.objects.count() == 1


def test_an_id_is_used_once_for_all_kinds(core: ApiClient) -> None:
    core.post(SESSIONS, session(event_id="evt-1"))
    gone = {"event_id": "evt-1", "occurred_at": "2026-01-31T12:00:05Z", "node_id": "node-1"}
    assert core.post("/events/node-deregistered", gone).status == 409


def test_a_correction_is_an_event_of_its_own(core: ApiClient) -> None:
    """It may even come before the one it corrects."""
    core.post(SESSIONS, session(event_id="evt-2", corrects="evt-1", sessions_relayed=11))
    core.post(SESSIONS, session(event_id="evt-1"))
    assert set(WorkEvent.objects.values_list("event_id", "corrects", "sessions_relayed")) == {
        ("evt-1", None, 12), ("evt-2", "evt-1", 11),
    }  # fmt: skip


@pytest.mark.parametrize(
    "words", ["UPDATE payouts_workevent SET sessions_relayed = 0", "DELETE FROM payouts_workevent"]
)
def test_nothing_told_is_changed(words: str, core: ApiClient) -> None:
    core.post(SESSIONS, session())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(words)


NO_NUMBERS: list[Any] = ["-1", "1e3", "", "1.0000001", "1,5", "NaN", None, [], "１", "1000000000001"]
BAD: list[tuple[str, Any, str]] = [
    ("event_id", 7, "This must be text."),
    ("event_id", "", "This field may not be blank."),
    ("event_id", "x" * 101, "Ensure this field has no more than 100 characters."),
    ("corrects", "evt-0", "An event can't correct itself."),
    ("occurred_at", "yesterday", "Give a time in ISO 8601 with its offset, such as 2026-01-31T12:00:00Z."),
    ("occurred_at", "2026-01-31T12:00:00", "Give a time in ISO 8601 with its offset, such as 2026-01-31T12:00:00Z."),
    ("occurred_at", "2026-02-30T12:00:00Z", "Give a time in ISO 8601 with its offset, such as 2026-01-31T12:00:00Z."),
    ("occurred_at", 1769860800, "Give a time in ISO 8601 with its offset, such as 2026-01-31T12:00:00Z."),
    ("occurred_at", "0001-01-01T00:00:00+14:00", "This time is out of range."),
    ("ended_at", "2999-01-31T12:00:00Z", "This hasn't happened yet."),
    ("ended_at", "2026-01-31T10:59:59Z", "It ended before it started."),
    ("node_id", None, "Give node_id, user_id, or both."),
    ("sessions_relayed", "12", "Give a whole number from 0 to 1000000000000."),
    ("sessions_relayed", True, "Give a whole number from 0 to 1000000000000."),
    ("sessions_relayed", -1, "Give a whole number from 0 to 1000000000000."),
    *(
        ("megabytes_relayed", bad, "Give a decimal number from 0 to 1000000000000 with at most 6 decimals.")
        for bad in NO_NUMBERS
    ),
    ("paid", True, "Unknown field."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "sentence"), BAD)
def test_what_cant_be_is_named(name: str, value: Any, sentence: str, core: ApiClient) -> None:
    told = {**session(event_id="evt-0"), name: value}
    if value is None and name != "node_id":
        sentence = "This field may not be null."
    alone = core.post(SESSIONS, told)
    assert (alone.status, alone.body["error"]["details"]) == (400, {name: [sentence]})
    listed = core.post(SESSIONS, [session(), told])
    assert (listed.status, listed.body["error"]["details"]) == (400, {"1": {name: [sentence]}})
    assert not WorkEvent.objects.exists()


@pytest.mark.parametrize("body", [[], [session()] * 1001, "evt", 7, [[]]])
def test_what_is_no_list_of_events_is_refused(body: Any, core: ApiClient) -> None:
    assert core.post(SESSIONS, body).status == 400
    assert not WorkEvent.objects.exists()


def test_a_thousand_cost_as_many_statements_as_one(
    core: ApiClient, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        assert core.post(SESSIONS, [session() for _ in range(1000)]).body["accepted"] == 1000


def test_of_two_lists_at_once_each_event_is_taken_once(cloned_database: str) -> None:
    """In opposite orders: neither waits for the other for ever."""
    core = User.objects.create_user("core", role="service")
    facts = [
        {
            "event_id": f"evt-{number:03}", "occurred_at": clock.now(), "session_id": "s", "node_id": "n",
            "started_at": clock.now() - timedelta(hours=1), "ended_at": clock.now(), "sessions_relayed": 1,
            "megabytes_relayed": 1,
        }
        for number in range(300)
    ]  # fmt: skip
    taken: list[reports.Taken] = []
    together = threading.Barrier(4)

    def report(mine: list[dict[str, Any]]) -> None:
        together.wait()
        try:
            taken.append(reports.take(WorkKind.SESSION_COMPLETED, mine, reporter=core))
        finally:
            connection.close()

    threads = [threading.Thread(target=report, args=(facts[::step],)) for step in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.accepted for one in taken) == 300
    assert sum(one.repeated for one in taken) == 900
    assert WorkEvent.objects.count() == 300


def test_of_two_words_for_one_id_at_once_one_is_refused(cloned_database: str) -> None:
    core = User.objects.create_user("core", role="service")
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def report(node: str) -> None:
        together.wait()
        try:
            reports.take(
                WorkKind.NODE_DEREGISTERED,
                [{"event_id": "evt-1", "occurred_at": clock.now(), "node_id": node}],
                reporter=core,
            )
            outcomes.append("taken")
        except EventConflict:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=report, args=(node,)) for node in ("node-1", "node-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "taken"]
    assert WorkEvent.objects.count() == 1


def test_the_log_of_acts_holds_no_list_of_a_thousand(core: ApiClient) -> None:
    core.post(SESSIONS, [session() for _ in range(1000)])
    assert len(json.dumps(AuditEntry.objects.get(action="work.reported").details)) < 200
