"""What stands in which queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kyc.models import KycRecord
from kyc.review import queues, taking
from lucid_payments import clock
from lucid_payments.accounts.models import User
from tests.kyc import desk

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


def where(record: KycRecord, who: User) -> set[str]:
    return {queue.key for queue in queues.QUEUES if record in queues.rows(queue, who)}


def test_a_record_stands_where_it_is_to_be_worked_on() -> None:
    clock.freeze(NOW)
    me, other = desk.officer("me"), desk.officer("other")
    fresh, mine, asked, second = desk.submitted(), desk.in_review(me), desk.asked(me), desk.pending(other)
    for record in (desk.draft(), desk.rejected(), desk.approved(), desk.revoked(), desk.suspended()):
        assert where(record, me) == set()
    assert where(fresh, me) == {"unassigned"}
    assert where(mine, me) == {"mine"}
    assert where(mine, other) == set()
    assert where(asked, me) == {"mine", "applicant"}
    assert where(second, me) == {"unassigned", "second"}
    assert where(second, other) == {"unassigned"}
    assert queues.counts(me)["mine"] == 2
    assert [(load.officer.username, load.number, load.waiting) for load in queues.load()] == [
        ("me", 2, 1), ("officer", 0, 0), ("other", 0, 0),
    ]  # fmt: skip
    clock.freeze(NOW + timedelta(hours=49))
    assert where(fresh, me) == {"unassigned", "due"}
    clock.freeze(NOW + timedelta(hours=72))
    assert where(fresh, me) == {"unassigned", "overdue"}
    assert list(queues.rows(queues.of_key("overdue"), me)) == [fresh, mine, second]


def test_what_is_put_off_or_escalated_is_looked_for_elsewhere() -> None:
    clock.freeze(NOW)
    me = desk.officer("me")
    why = "a reason long enough to be one"
    later = taking.snooze(desk.in_review(me), actor=me, until=NOW + timedelta(days=1), reason=why)
    passed = taking.escalate(desk.in_review(me), actor=me, code="suspicion", reason=why)
    assert where(later, me) == {"mine", "snoozed"}
    assert where(passed, me) == {"unassigned", "escalated"}
    assert where(desk.expiring(), me) == {"reverification"}
