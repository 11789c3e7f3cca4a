"""The sums behind `GET /stats` say what the payouts say: at every moment, whoever changes them, folded or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Count, Q, Sum
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts import tally
from payouts.api.stats import PERIODS
from payouts.manager import PayoutManager
from payouts.models import Alarm, Payout, Tally, TallyChange
from payouts.models.payout import ENDED
from payouts.order import PayoutOrder
from payouts.tally import Sums
from tests.api_client import ApiClient
from tests.payouts.test_races import at_once
from tests.policies import KYC, V0, administrators

USDT = 1_000_000
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
NOW = datetime(2026, 7, 15, 12, 30, 40, tzinfo=UTC)
# Not awaiting_approval: the database lets nothing leave it without its approvals.
NOT_ENDED = ("scheduled", "released", "sent", "manual")


def counted(period: timedelta, now: datetime, creator: int | None) -> dict[str, Sums]:
    """The same by looking at every payout."""
    since = (now - period).replace(second=0, microsecond=0)
    rows = Payout.objects.filter(created_at__gte=since).order_by()
    if creator is not None:
        rows = rows.filter(creator_id=creator)
    found = rows.values_list("router_type").annotate(
        asked=Count("pk"),
        units=Sum("amount"),
        over=Count("pk", filter=Q(status__in=ENDED)),
        paid=Count("pk", filter=Q(status="confirmed")),
    )
    return {router: Sums(*figures) for router, *figures in found}


def told(period: timedelta, now: datetime, creator: int | None) -> dict[str, Sums]:
    return {router: sums for router, sums in tally.read(period, now, creator).items() if sums != Sums()}


def agree(now: datetime, creators: list[int]) -> None:
    for period in PERIODS.values():
        for creator in [None, *creators]:
            assert told(period, now, creator) == counted(period, now, creator), (period, creator)


def made(creator: User, count: int = 1, **fields: Any) -> list[Payout]:
    plain = {
        "recipient_address": RECIPIENT,
        "amount": 5 * USDT,
        "reason": "test",
        "router_type": V0,
        **fields,
    }
    return Payout.objects.bulk_create(Payout(creator=creator, **plain) for _ in range(count))


@pytest.fixture
def creators(db: None) -> list[User]:
    clock.freeze(NOW)
    return [User.objects.create_user(f"client-{number}", role="service") for number in range(2)]


AGES = st.one_of(
    st.integers(0, 3 * 60),
    st.integers(23 * 3600, 25 * 3600),
    st.integers(0, 31 * 86_400),
    st.sampled_from([3600, 86_400, 7 * 86_400, 30 * 86_400]).flatmap(lambda s: st.integers(s - 61, s + 61)),
)
STEPS = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 1), AGES, st.integers(10_000, 10**10), st.sampled_from([V0, KYC])),
    st.tuples(st.just("move"), st.integers(0, 50), st.sampled_from([*NOT_ENDED, *(s.value for s in ENDED)])),
    st.tuples(st.sampled_from(["fold", "rebuild", "keep"])),
    st.tuples(st.just("wait"), st.integers(1, 7200)),
)  # fmt: skip


@given(steps=st.lists(STEPS, min_size=5, max_size=25))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_say_what_counting_says_after_whatever_happens(creators: list[User], steps: list[Any]) -> None:
    """Each example goes on from the last one's rows; only time and changes of payouts go forward."""
    for step, *how in steps:
        now = clock.now()
        if step == "create":
            who, age, amount, router = how
            made(creators[who], amount=amount, router_type=router, created_at=now - timedelta(seconds=age))
        elif step == "move":
            place, status = how
            still_open = Payout.objects.exclude(status__in=ENDED).order_by("-pk").values_list("pk", flat=True)
            chosen = still_open[place : place + 3]
            Payout.objects.filter(pk__in=list(chosen)).update(status=status, failure_code="LUCID_ERR_2008")
        elif step == "wait":
            clock.freeze(now + timedelta(seconds=how[0]))
        elif step == "fold":
            tally.fold()
        elif step == "keep":
            tally.keep()
        else:
            tally.rebuild(actor="test")
    agree(clock.now(), [creator.pk for creator in creators])
    assert tally.check() == 0


def test_what_changes_no_sum_leaves_no_row(creators: list[User]) -> None:
    made(creators[0], 20)
    assert TallyChange.objects.count() == 1, "one statement, one change"
    Payout.objects.update(hold_reason="in_flight")
    Payout.objects.update(status="released")
    assert TallyChange.objects.count() == 1
    assert tally.fold() == 1
    assert (TallyChange.objects.count(), Tally.objects.count()) == (0, 4)
    assert tally.fold() == 0


def test_a_refused_payout_is_not_counted(creators: list[User]) -> None:
    with transaction.atomic():
        made(creators[0])
        transaction.set_rollback(True)
    assert not TallyChange.objects.exists()


def test_a_payout_that_ends_after_its_minute_was_forgotten_counts_in_its_hour(creators: list[User]) -> None:
    (old,) = made(creators[0], created_at=NOW - timedelta(days=30))
    tally.fold()
    clock.freeze(NOW + timedelta(days=2))
    tally.keep()
    assert set(Tally.objects.values_list("grain", flat=True)) == {"hour"}
    Payout.objects.filter(pk=old.pk).update(status="confirmed")
    tally.fold()
    assert set(Tally.objects.values_list("grain", "confirmed")) == {("hour", 1)}
    assert tally.check() == 0


def test_a_difference_raises_an_alarm_and_counting_anew_ends_it(
    creators: list[User], capsys: pytest.CaptureFixture[str]
) -> None:
    made(creators[0], 3)
    tally.fold()
    tally.keep()
    assert not Alarm.objects.exists()
    Tally.objects.filter(creator_id=creators[0].pk, grain="hour").update(amount=1)
    tally.keep()
    assert "1 sums" in Alarm.objects.get(kind=tally.ALARM, cleared_at=None).detail
    with pytest.raises(SystemExit):
        call_command("stats", "check")
    call_command("stats", "rebuild")
    assert "agree" in capsys.readouterr().out
    assert not Alarm.objects.filter(cleared_at=None).exists()
    agree(NOW, [creators[0].pk])


def test_a_lost_change_is_found(creators: list[User]) -> None:
    made(creators[0])
    TallyChange.objects.all().delete()
    assert tally.check(NOW - tally.CHECKED) == 4, "its creator's and everybody's, the minute's and the hour's"


def test_they_cost_the_same_however_many_payouts_there_are(creators: list[User]) -> None:
    def asked(user: User, period: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert ApiClient(user).get(f"/stats?period={period}").status == 200
        return [query["sql"] for query in queries]

    readers = [administrators()[0], creators[0]]
    few = [asked(reader, period) for reader in readers for period in PERIODS]
    for days in range(0, 30, 3):
        made(creators[0], 300, created_at=NOW - timedelta(days=days))
    tally.fold()
    many = [asked(reader, period) for reader in readers for period in PERIODS]
    assert [len(queries) for queries in many] == [len(queries) for queries in few]
    assert not any("payouts_payout" in query for queries in many for query in queries), "no payout is read"
    assert Tally.objects.count() <= 40, "3,000 payouts of one caller and router, at ten times"


def test_threads_that_create_end_fold_and_count_anew_at_once(cloned_database: str) -> None:
    """Each reader compares within one snapshot; at the end nothing is missing and nothing counted twice."""
    users = [User.objects.create_user(f"client-{number}", role="service") for number in range(2)]
    order = PayoutOrder(recipient_address=RECIPIENT, amount=USDT, reason="race")

    def creates(user: User) -> int:
        for _ in range(15):
            PayoutManager.create(creator=user, order=order)
        return 15

    def cancels(user: User) -> int:
        done = 0
        for _ in range(25):
            payout = Payout.objects.filter(creator=user, status="scheduled").first()
            if payout is not None:
                PayoutManager.cancel(payout, actor=user, reason="race")
                done += 1
        return done

    def folds() -> int:
        return sum(tally.fold() for _ in range(60))

    def counts_anew() -> int:
        for _ in range(5):
            tally.rebuild(actor="test")
        return 5

    def reads() -> int:
        for _ in range(20):
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                now = clock.now()
                for creator in (None, users[0].pk):
                    period = timedelta(days=1)
                    assert told(period, now, creator) == counted(period, now, creator)
        return 1

    acts: list[Callable[[], int]] = [partial(act, user) for user in users for act in (creates, cancels)]
    done = at_once([*acts, folds, folds, counts_anew, reads, reads])
    assert not [found for found in done if isinstance(found, Exception)], done
    tally.fold()
    agree(clock.now(), [user.pk for user in users])
    assert tally.check() == 0
    assert tally.read(timedelta(days=1), clock.now())[V0].count == 30
