"""Versions of policies: what is refused, what takes a second person, and what each payout was judged by."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from lucid_payments.audit.models import AuditEntry
from routers import policy
from routers.errors import PolicyRefused, Refused
from routers.models import GLOBAL, RouterPolicy
from tests.policies import KYC, V0, administrators

USDT = 1_000_000
REASON = "Prices have moved."

pytestmark = pytest.mark.django_db


def change(scope: str, changes: dict[str, Any], *, by_two: bool = False, base: int = 0) -> RouterPolicy:
    first, second = administrators()
    return policy.change(
        scope,
        changes,
        base_version=base or latest(scope).version,
        actor=first,
        second=second if by_two else None,
        reason=REASON,
    )


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
    after = change(V0, {"hourly_limit": 300 * USDT, "batch_types": ["IMMEDIATE"]})
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
def test_loosening_anything_takes_a_second_person(scope: str, changes: dict[str, Any]) -> None:
    assert policy.propose(scope, changes).loosens
    with pytest.raises(Refused) as refused:
        change(scope, changes)
    assert (refused.value.code, latest(scope).version) == ("alone", 1)
    after = change(scope, changes, by_two=True)
    assert latest(scope) == after
    assert {name: getattr(after, name) for name in changes} == changes
    assert (after.version, after.loosens, after.second_label) == (2, True, "admin-2")
    entry = AuditEntry.objects.get()
    assert (entry.actor_label, entry.details["confirmed_by"]) == ("admin-1", "admin-2")


def test_a_change_is_made_of_the_version_in_force_alone() -> None:
    change(V0, {"recipient_limit": 250 * USDT})
    with pytest.raises(Refused) as refused:
        change(V0, {"hourly_limit": 300 * USDT}, base=1)
    assert refused.value.code == "changed"
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
        policy.propose(scope, changes)
    assert field in refused.value.fields
    assert RouterPolicy.objects.count() == 3


def test_what_changes_nothing_makes_no_version() -> None:
    with pytest.raises(Refused) as refused:
        change(V0, {"hourly_limit": 400 * USDT})
    assert (refused.value.code, latest().version) == ("nothing", 1)


def test_two_versions_side_by_side() -> None:
    before = latest()
    after = change(V0, {"hourly_limit": 300 * USDT, "payout_minimum": USDT})
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
