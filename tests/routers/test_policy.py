"""Versions of policies: what is refused, what takes a second person, and what each payout was judged by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from routers import policy
from routers.errors import ActRefused, PolicyRefused
from routers.models import GLOBAL, Ask, RouterPolicy
from tests.policies import KYC, V0, administrators

USDT = 1_000_000
REASON = "Prices have moved."

pytestmark = pytest.mark.django_db


def propose(scope: str, changes: dict[str, Any], **more: Any) -> RouterPolicy | Ask:
    return policy.propose(scope, changes, actor=administrators()[0], reason=REASON, **more)


def latest(scope: str = V0) -> RouterPolicy:
    return RouterPolicy.objects.filter(scope=scope).latest("version")


def test_the_first_versions_hold_the_numbers_of_compliance() -> None:
    found = policy.current()
    assert (found.everybody.hourly_limit, found.everybody.daily_limit) == (1_000 * USDT, 10_000 * USDT)
    assert found.everybody.in_flight == 10
    roles = ("end_user", "node_operator", "service", "admin")
    assert [found.creator_limit(role) for role in roles] == [200 * USDT, 1_000 * USDT, 8_000 * USDT, None]
    for router, numbers in ((V0, (200, 400, 4_000, 300, 5)), (KYC, (1_000, 1_000, 10_000, 3_000, 10))):
        own = found.routers[router]
        caps = (own.payout_maximum, own.hourly_limit, own.daily_limit, own.recipient_limit)
        assert caps == tuple(number * USDT for number in numbers[:4])
        assert (own.in_flight, own.fee_cap) == (numbers[4], 30_000_000)
        assert own.batch_types == ["IMMEDIATE", "HOURLY", "DAILY", "WEEKLY"]


def test_tightening_applies_at_once() -> None:
    after = propose(V0, {"hourly_limit": 300 * USDT, "batch_types": ["IMMEDIATE"]})
    assert isinstance(after, RouterPolicy)
    assert (after.version, after.loosens, after.author_label, after.reason) == (2, False, "admin-1", REASON)
    assert policy.current().routers[V0] == after
    assert AuditEntry.objects.get().details["changes"]["hourly_limit"] == [400 * USDT, 300 * USDT]


LOOSER: list[tuple[str, dict[str, Any]]] = [
    (V0, {"hourly_limit": 401 * USDT}),
    (V0, {"daily_limit": 4_001 * USDT}),
    (V0, {"recipient_limit": 301 * USDT}),
    (V0, {"payout_maximum": 201 * USDT}),
    (V0, {"payout_minimum": 1}),
    (V0, {"in_flight": 6}),
    (GLOBAL, {"in_flight": 11}),
    (GLOBAL, {"creator_limits": {"end_user": 201 * USDT, "node_operator": 1, "service": 1}}),
    (GLOBAL, {"creator_limits": {"end_user": 1, "node_operator": 1}}),
    (V0, {"hourly_limit": 300 * USDT, "recipient_limit": 301 * USDT}),
]


@pytest.mark.parametrize(("scope", "changes"), LOOSER, ids=str)
def test_loosening_anything_waits_for_a_second_person(scope: str, changes: dict[str, Any]) -> None:
    ask = propose(scope, changes)
    assert isinstance(ask, Ask)
    assert latest(scope).version == 1
    with pytest.raises(ActRefused) as refused:
        policy.confirm(ask, actor=administrators()[0])
    assert refused.value.code == "same_person"
    after = policy.confirm(ask, actor=administrators()[1])
    assert latest(scope) == after
    assert {name: getattr(after, name) for name in changes} == changes
    assert (after.version, after.loosens, after.second_label) == (2, True, "admin-2")


def test_a_proposal_expires_after_an_hour_or_with_the_version_it_was_made_of() -> None:
    for code in ("expired", "changed"):
        ask = propose(V0, {"hourly_limit": 500 * USDT})
        assert isinstance(ask, Ask)
        if code == "expired":
            clock.shift(timedelta(hours=1))
        else:
            propose(V0, {"recipient_limit": 250 * USDT})
        with pytest.raises(ActRefused) as refused:
            policy.confirm(ask, actor=administrators()[1])
        assert refused.value.code == code
    assert latest().hourly_limit == 400 * USDT


@pytest.mark.parametrize(
    ("scope", "changes", "field"),
    [
        (V0, {"payout_maximum": 300 * USDT + 1}, "payout_maximum"),
        (V0, {"payout_maximum": 401 * USDT, "recipient_limit": 500 * USDT}, "payout_maximum"),
        (V0, {"hourly_limit": 199 * USDT}, "payout_maximum"),
        (V0, {"recipient_limit": 199 * USDT}, "payout_maximum"),
        (KYC, {"payout_maximum": 1_001 * USDT, "hourly_limit": 2_000 * USDT}, "payout_maximum"),
        (GLOBAL, {"hourly_limit": 999 * USDT}, "hourly_limit"),
        (V0, {"daily_limit": 400 * USDT}, "daily_limit"),
        (V0, {"payout_minimum": 201 * USDT}, "payout_minimum"),
        (V0, {"fee_cap": 30_000_001}, "fee_cap"),
        (V0, {"batch_types": ["MONTHLY"]}, "batch_types"),
        (GLOBAL, {"batch_types": ["DAILY"]}, "batch_types"),
        (GLOBAL, {"creator_limits": {"emperor": 1}}, "creator_limits"),
        (GLOBAL, {"payout_maximum": 1}, "payout_maximum"),
        (V0, {"recipient_limit": None}, "recipient_limit"),
        (V0, {"hourly_limit": -1}, "hourly_limit"),
        (V0, {"colour": 1}, "colour"),
        ("PayoutRouterV9", {"hourly_limit": 1}, "scope"),
    ],
    ids=str,
)
def test_a_policy_that_contradicts_itself_or_another_is_refused_by_the_field(
    scope: str, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(PolicyRefused) as refused:
        propose(scope, changes)
    assert field in refused.value.fields
    assert RouterPolicy.objects.count() == 3
    assert not Ask.objects.exists()


def test_only_administrators_change_them_with_a_reason_and_from_what_they_saw() -> None:
    service = User.objects.create_user("service", role="service")
    tighter = {"hourly_limit": 300 * USDT}
    for changes, code in (
        ({"actor": service}, "not_admin"), ({"reason": " "}, "reason"), ({"base_version": 7}, "changed"),
    ):  # fmt: skip
        given: dict[str, Any] = {"actor": administrators()[0], "reason": REASON, **changes}
        with pytest.raises(ActRefused) as refused:
            policy.propose(V0, tighter, **given)
        assert refused.value.code == code
    with pytest.raises(ActRefused) as refused:
        propose(V0, {"hourly_limit": 400 * USDT})
    assert refused.value.code == "nothing"
    assert latest().version == 1


def test_two_versions_side_by_side() -> None:
    before = latest()
    after = propose(V0, {"hourly_limit": 300 * USDT, "payout_minimum": USDT})
    assert isinstance(after, RouterPolicy)
    assert policy.diff(before, after) == [
        policy.Change("payout_minimum", 10_000, USDT, loosens=False),
        policy.Change("hourly_limit", 400 * USDT, 300 * USDT, loosens=False),
    ]
    assert [change.loosens for change in policy.diff(after, before)] == [True, True]


def test_the_database_keeps_history_and_two_people_whoever_writes() -> None:
    first, _ = administrators()
    with pytest.raises(DatabaseError, match=r"refused|denied"), transaction.atomic():
        RouterPolicy.objects.update(hourly_limit=1)
    looser = {"daily_limit": 10, "in_flight": 1, "author_label": "x", "reason": "x"}
    for fields in (
        {"hourly_limit": 500 * USDT},
        {"hourly_limit": 5, "loosens": True, "author": first},
        {"hourly_limit": 5, "loosens": True, "author": first, "second": first},
        {"hourly_limit": 5, "version": 9},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            RouterPolicy.objects.create(**{"scope": V0, "version": 2, **looser, **fields})
    assert latest().version == 1
