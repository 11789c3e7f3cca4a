"""How many must agree: compliance.md's table to the base unit, the strictest answer, and the last 24 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts import tally
from payouts.approvals import rules
from payouts.approvals.errors import Refused
from payouts.approvals.rules import Figures
from payouts.manager import PayoutManager
from payouts.models import ApprovalRequest, ApprovalRule, Payout
from payouts.order import PayoutOrder
from tests.payouts.approvals.conftest import RECIPIENT, USDT, account, pay, request_of
from tests.policies import V0, administrators, set_policy, set_rule

AT = datetime(2026, 7, 15, 12, 30, 45, 500_000, tzinfo=UTC)
# Of compliance.md: role, then (payout, batch total or None, 24 hours) in USDT, then how many must agree.
TABLE = [
    ("end_user", (1, None, 1), 1),
    ("end_user", (200, None, 200), 1),
    ("end_user", (201, None, 201), 2),
    ("end_user", (1, None, 201), 2),
    ("node_operator", (100, None, 300), 0),
    ("node_operator", (101, None, 101), 1),
    ("node_operator", (50, 300, 300), 0),
    ("node_operator", (50, 301, 300), 1),
    ("node_operator", (50, None, 301), 1),
    ("node_operator", (50, 1_000, 1_000), 1),
    ("node_operator", (50, 1_001, 300), 2),
    ("node_operator", (50, None, 1_001), 2),
    ("service", (500, 1_000, 4_000), 0),
    ("service", (501, None, 501), 1),
    ("service", (1, 1_001, 1_001), 1),
    ("service", (1, None, 4_001), 1),
    ("service", (1, None, 5_000), 1),
    ("service", (1, None, 5_001), 2),
    ("service", (1, 5_001, 1), 2),
    ("service", (5_001, None, 1), 2),
    ("admin", (1, None, 1), 1),
    ("admin", (2_000, 2_000, 2_000), 1),
    ("admin", (1, None, 2_001), 2),
    ("admin", (1, 2_001, 1), 2),
]


@pytest.mark.parametrize(("role", "figures", "expected"), TABLE)
def test_as_the_table_says_and_the_strictest_counts(
    db: None, role: str, figures: tuple[int, int | None, int], expected: int
) -> None:
    largest, total, day = figures
    rule = rules.in_force()[role]
    asked = Figures(largest * USDT, None if total is None else total * USDT, day * USDT)
    assert rules.needed(rule, asked) == expected


def test_one_base_unit_above_is_above(db: None) -> None:
    rule = rules.in_force()["service"]
    assert rules.needed(rule, Figures(500 * USDT, None, 500 * USDT)) == 0
    assert rules.needed(rule, Figures(500 * USDT + 1, None, 500 * USDT + 1)) == 1


def test_every_role_that_may_create_has_a_rule(db: None) -> None:
    assert set(rules.in_force()) == {"admin", "node_operator", "end_user", "service"}
    assert ApprovalRule.objects.filter(version=1).count() == 4


def made(creator: User, usdt: int, ago: timedelta) -> None:
    Payout.objects.create(
        creator=creator, recipient_address=RECIPIENT, amount=usdt * USDT, reason="old", router_type=V0,
        status="confirmed", created_at=AT - ago,
    )  # fmt: skip


@pytest.mark.parametrize("folded", [False, True])
def test_the_day_is_exact_to_the_microsecond_whether_the_sums_are_folded_or_not(
    db: None, folded: bool
) -> None:
    clock.freeze(AT)
    service, other = account("service", "service"), account("other", "service")
    instant = timedelta(microseconds=1)
    day = timedelta(hours=24)
    for usdt, ago in (
        (1, day + timedelta(minutes=3)),
        (2, day + instant),
        (4, day),
        (8, day - timedelta(seconds=10)),
        (16, day - timedelta(seconds=50)),
        (32, day - timedelta(minutes=31)),
        (64, timedelta(hours=5)),
        (128, timedelta(minutes=20)),
        (256, instant),
    ):
        made(service, usdt, ago)
        made(other, 1_000, ago)
    if folded:
        tally.fold()
    _, found = rules.in_force_with_day(service, AT)
    assert found == (4 + 8 + 16 + 32 + 64 + 128 + 256) * USDT


def test_a_day_that_begins_with_a_minute_or_an_hour_counts_it_once(db: None) -> None:
    clock.freeze(AT)
    service = account("service", "service")
    for at in (AT.replace(second=0, microsecond=0), AT.replace(minute=0, second=0, microsecond=0)):
        Payout.objects.create(
            creator=service, recipient_address=RECIPIENT, amount=USDT, reason="old", router_type=V0,
            status="confirmed", created_at=at - timedelta(hours=24),
        )  # fmt: skip
        for folded in (False, True):
            _, found = rules.in_force_with_day(service, at)
            assert found == USDT, (at, folded)
            tally.fold()
        Payout.objects.all().delete()
        tally.rebuild(actor="test")


def test_what_was_called_off_counts_in_its_creators_day(db: None) -> None:
    service = account("service", "service")
    set_rule("service", day_above=100 * USDT)
    first = pay(service, 100)
    PayoutManager.cancel(first, actor=service, reason="a mistake")
    second = pay(service, 1)
    assert (first.approval, second.status) == (None, "awaiting_approval")
    assert request_of(second).day == 101 * USDT


def test_a_batch_is_one_thing_and_its_total_counts(db: None) -> None:
    service = account("service", "service")
    set_policy(recipient_limit=None)
    orders = [
        PayoutOrder(recipient_address=RECIPIENT, amount=101 * USDT, reason=f"part {part}")
        for part in range(10)
    ]
    small = PayoutManager.create_batch(creator=service, orders=orders[:9], router_type=None)
    large = PayoutManager.create_batch(creator=service, orders=orders, router_type=None)
    assert not small.payouts.exclude(status="scheduled", approval=None).exists()
    request = ApprovalRequest.objects.get()
    assert (request.batch, request.needed, request.payouts_asked) == (large, 1, 10)
    assert (request.total, request.largest, request.day) == (1_010 * USDT, 101 * USDT, 1_919 * USDT)
    assert set(large.payouts.values_list("status", "hold_reason", "approval")) == {
        ("awaiting_approval", "approval", request.pk)
    }


def test_deciding_how_many_costs_two_statements_however_much_there_was(db: None) -> None:
    clock.freeze(AT)
    service = account("service", "service")

    def statements(amounts: int) -> list[str]:
        orders = [
            PayoutOrder(recipient_address=RECIPIENT, amount=USDT, reason="relay work") for _ in range(amounts)
        ]
        with CaptureQueriesContext(connection) as queries:
            PayoutManager.create_batch(creator=service, orders=orders, router_type=None)
        return [query["sql"] for query in queries.captured_queries]

    few = statements(1)
    for hours in range(200):
        made(service, 1, timedelta(minutes=7 * hours))
    many = statements(100)
    assert len(few) == len(many)
    asked = [sql for sql in many if "approvalrule" in sql]
    assert len(asked) == 1, (
        "the rule and the day together; beside it stands the lock, as before for references"
    )
    assert sum("pg_advisory_xact_lock" in sql for sql in many) == 1


def test_a_rule_is_changed_by_two_people_and_stays_in_versions(db: None) -> None:
    first, second = administrators()
    changed = rules.change(
        "service", {"payout_above": 400 * USDT}, base_version=1, actor=first, second=second, reason="tighter"
    )
    assert (changed.version, changed.payout_above, changed.two_above) == (2, 400 * USDT, 5_000 * USDT)
    assert rules.in_force()["service"] == changed
    entry = AuditEntry.objects.get(action="approval_rule.changed")
    assert entry.details["changes"] == {"payout_above": [500 * USDT, 400 * USDT]}
    assert entry.details["confirmed_by"] == second.username


@pytest.mark.parametrize(
    ("values", "base", "alone", "code"),
    [
        ({"payout_above": 1}, 0, False, "changed"),
        ({"payout_above": 500 * USDT}, 1, False, "nothing"),
        ({"payout_above": 1}, 1, True, "alone"),
    ],
)
def test_a_rule_isn_t_changed_by_one_or_past_a_newer_one(
    db: None, values: dict[str, int | None], base: int, alone: bool, code: str
) -> None:
    first, second = administrators()
    with pytest.raises(Refused) as refused:
        rules.change(
            "service", values, base_version=base, actor=first, second=first if alone else second, reason="no"
        )
    assert refused.value.code == code
    assert ApprovalRule.objects.count() == 4


def test_the_database_takes_no_later_rule_from_one_person(db: None) -> None:
    first, _ = administrators()
    for second in (None, first):
        with pytest.raises(IntegrityError, match="approval_rule_changed_by_two"), transaction.atomic():
            ApprovalRule.objects.create(
                creator_role="service", version=2, author=first, author_label="one", second=second, reason="alone"
            )  # fmt: skip


def test_a_new_rule_leaves_what_waits_as_it_was_asked(db: None) -> None:
    end_user = account("user", "end_user")
    payout = pay(end_user, 5)
    set_rule("end_user", payout_above=None, two_above=0)
    assert request_of(payout).needed == 1
    assert request_of(pay(end_user, 5)).needed == 2
