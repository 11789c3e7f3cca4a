"""Several at once on real PostgreSQL: threads with connections of their own, and everything commits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from kyc.models import KycDecision, KycRecord, KycStep, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.review import applying, deciding, sweeping, taking
from kyc.review.errors import Conflict
from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from tests.kyc import desk
from tests.payouts.test_races import at_once

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
WHY = "a reason long enough to be one"


@pytest.fixture(autouse=True)
def _noon(cloned_database: str) -> None:
    clock.freeze(NOW)


def test_of_many_who_claim_one_record_one_gets_it() -> None:
    record = desk.submitted()
    officers = [desk.officer(f"officer {number}") for number in range(6)]
    answers = at_once([partial(taking.claim, record, actor=officer) for officer in officers])
    won = [answer for answer in answers if isinstance(answer, KycRecord)]
    assert len(won) == 1
    assert [type(answer) for answer in answers if answer not in won] == [Conflict] * 5
    record.refresh_from_db()
    assert record.owner == won[0].owner
    assert KycStep.objects.filter(act="claimed").count() == 1


def test_who_take_the_next_at_once_get_different_ones_or_none() -> None:
    records = [desk.submitted() for _ in range(3)]
    officers = [desk.officer(f"officer {number}") for number in range(5)]
    taken = at_once([partial(taking.take_next, actor=officer) for officer in officers])
    got = [record for record in taken if isinstance(record, KycRecord)]
    assert {record.pk for record in got} == {record.pk for record in records}
    assert len(got) == 3
    assert taken.count(None) == 2


def test_a_decision_and_a_take_over_exclude_one_another() -> None:
    first, second = desk.officer("first"), desk.officer("second")
    for _ in range(3):
        record = desk.marked(first)
        decided, stolen = at_once(
            [
                partial(deciding.approve, record, actor=first, risk=Risk.LOW, code="verified"),
                partial(taking.steal, record, actor=second, reason=WHY),
            ]
        )
        record.refresh_from_db()
        assert isinstance(decided, Conflict) is not isinstance(stolen, Conflict)
        assert record.state == (State.IN_REVIEW if isinstance(decided, Conflict) else State.APPROVED)


def test_an_approval_counts_once() -> None:
    by = desk.officer()
    record = desk.marked(by)
    told = AuditEntry.objects.count()
    approve = partial(deciding.approve, record, actor=by, risk=Risk.LOW, code="verified")
    answers = at_once([approve] * 6)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5
    assert KycDecision.objects.count() == 1
    assert AuditEntry.objects.count() == told + 1
    record.refresh_from_db()
    assert record.operator.kyc_hash == record.kyc_hash != ""


def test_of_two_second_reviewers_one_confirms() -> None:
    record = desk.pending(desk.officer("first"))
    second = desk.officer("second")
    taking.claim(record, actor=second)
    confirm = partial(deciding.confirm, record, actor=second, code="verified")
    refuse = partial(deciding.reject, record, actor=second, code="underage")
    answers = at_once([confirm, refuse, confirm, refuse])
    assert sum(isinstance(answer, KycRecord) for answer in answers) == 1
    record.refresh_from_db()
    assert KycDecision.objects.filter(by=second).count() == 1
    assert (record.state == State.APPROVED) is bool(record.kyc_hash)


def test_an_answer_in_the_last_moment_and_the_closing_exclude_one_another() -> None:
    record = desk.asked()
    clock.freeze(NOW + timedelta(days=14))
    calls: list[Callable[[], Any]] = [
        partial(applying.answer, record, actor=record.operator.user),
        sweeping.sweep,
        sweeping.sweep,
    ]
    answered, *swept = at_once(calls)
    record.refresh_from_db()
    if isinstance(answered, Conflict):
        assert (record.state, sorted(map(str, swept))) == (State.REJECTED, ["0", "1"])
    else:
        assert (record.state, swept) == (State.IN_REVIEW, [0, 0])


def test_a_renewal_and_the_end_of_what_it_replaces_don_t_wait_for_one_another_for_ever() -> None:
    of, by = desk.operator(), desk.officer()
    old = desk.approved(of=of)
    assert old.expires_at is not None
    clock.freeze(old.expires_at)
    new = desk.marked(by, of)
    calls: list[Callable[[], Any]] = [
        partial(deciding.approve, new, actor=by, risk=Risk.LOW, code="verified"),
        sweeping.sweep,
    ]
    approved, swept = at_once(calls)
    assert isinstance(approved, KycRecord)
    assert swept in (0, 1)
    old.refresh_from_db()
    assert old.replaced_by == approved
    assert old.operator.status == State.APPROVED
