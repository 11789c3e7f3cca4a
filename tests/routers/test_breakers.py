"""The error breaker: a row for each edge of compliance's definition, on real attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.models import Attempt, ChainState, Payout
from routers import breakers, limits, standing
from routers.breakers import rules
from routers.models import Breaker, BreakerEvent, TripCause
from tests.payouts.api.rows import attempt_of
from tests.policies import KYC, V0, administrators, set_policy

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)
RECIPIENT = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"

pytestmark = pytest.mark.django_db


def outcomes(told: str) -> list[bool]:
    return [word == "F" for word in told]


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ("FFFFFSSSSS", "error_rate"),
        ("SSSSSFFFFF", "error_rate"),
        ("FSFSFSFSFS", "error_rate"),
        ("SFSFSFSFSS", None),
        ("FSFSFSFSF", None),
        ("FFSFFSFFS", None),
        ("FFF", "consecutive_failures"),
        ("SSSSSSFFF", "consecutive_failures"),
        ("FF", None),
        ("FFSF", None),
        ("SSSSSSSFFF", None),
        ("S" * 17 + "FFF", None),
        ("S" * 10 + "F" * 10, "error_rate"),
        ("S" * 11 + "F" * 9, None),
        ("F" + "S" * 11 + "F" * 9, None),
        ("F" * 30 + "S" * 11 + "F" * 9, None),
        ("", None),
    ],
    ids=[
        "exactly 50 % of 10", "in any order", "mixed", "40 % of 10", "nine, half of them failed",
        "nine, never three in a row", "three in a row", "three in a row, nine in all", "two in a row",
        "a success between", "three in a row of ten: the rate decides", "three in a row of twenty",
        "exactly 50 % of 20", "45 % of 20", "the twenty-first doesn't count", "old failures don't count", "none",
    ],
)  # fmt: skip
def test_what_opens_it(told: str, cause: str | None) -> None:
    assert rules.verdict(outcomes(told)) == cause


@pytest.mark.parametrize(
    ("told", "new", "at"),
    [("FFFSSS", 6, 3), ("FFFSSS", 3, None), ("FSFSFSFSFSSS", 3, 10), ("SFFF", 1, 4), ("SSS", 3, None)],
)
def test_many_settled_at_once_count_as_if_one_by_one(told: str, new: int, at: int | None) -> None:
    found = rules.tipping_point(outcomes(told), new)
    assert (found[0] if found else None) == at


@pytest.mark.parametrize(
    ("unknown", "cap", "trips"),
    [(5, 10, False), (6, 10, True), (5, 100, False), (6, 100, True), (10, 200, False), (11, 200, True)],
)
def test_how_many_unknown_ones_open_it(unknown: int, cap: int, trips: bool) -> None:
    assert rules.too_many_unknown(unknown, cap) is trips


@pytest.mark.parametrize(
    ("before", "minutes"), [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (9, 60), (999, 60)]
)
def test_the_cool_down_doubles_up_to_an_hour(before: int, minutes: int) -> None:
    assert rules.cool_down(before) == timedelta(minutes=minutes)


@pytest.fixture(autouse=True)
def at_noon() -> None:
    clock.freeze(NOON)


@pytest.fixture
def service() -> User:
    return User.objects.create_user("service", role="service")


@pytest.fixture
def ended(service: User) -> Any:
    """End so many attempts of a router now, S or F each, and tell the breaker."""

    def end(told: str, router: str = V0, tell: bool = True) -> None:
        for word in told:
            payout = Payout.objects.create(
                creator=service, recipient_address=RECIPIENT, amount=USDT, router_type=router
            )
            state = "succeeded" if word == "S" else "reverted"
            attempt_of(payout, state, resolved_at=clock.now())
        if tell:
            breakers.attempts_ended({router: len(told)})

    return end


def passes(minutes: float) -> None:
    clock.freeze(clock.now() + timedelta(minutes=minutes))
    breakers.sweep()


def state(router: str = V0) -> str:
    return Breaker.objects.get(scope=router).state


def test_three_failures_open_one_router_and_keep_the_sample(ended: Any) -> None:
    ended("SFFF")
    assert (state(V0), state(KYC)) == ("open", "closed")
    (event,) = BreakerEvent.objects.all()
    assert (event.from_state, event.to_state, event.cause) == ("closed", "open", "consecutive_failures")
    assert [one["failed"] for one in event.sample] == [False, True, True, True]
    assert Event.objects.get().type == AuditEntry.objects.get().action == "breaker.opened"


def test_what_ended_more_than_an_hour_ago_doesn_t_count(ended: Any) -> None:
    ended("FF")
    passes(60)
    ended("F")
    assert state() == "open", "sixty minutes ago still counts"
    Breaker.objects.update(state="closed")
    passes(0.01)
    ended("F", KYC)
    ended("F", KYC)
    passes(60.01)
    ended("F", KYC)
    assert state(KYC) == "closed"


@pytest.mark.parametrize("told", ["withdrawn", "sent"])
def test_only_ended_attempts_count(service: User, told: str) -> None:
    for _ in range(3):
        payout = Payout.objects.create(
            creator=service, recipient_address=RECIPIENT, amount=USDT, router_type=V0
        )
        attempt_of(payout, told, resolved_at=clock.now() if told == "withdrawn" else None)
    breakers.attempts_ended({V0: 3})
    assert state() == "closed"


def unknown_ones(service: User, count: int) -> None:
    for _ in range(count):
        payout = Payout.objects.create(
            creator=service, recipient_address=RECIPIENT, amount=USDT, router_type=V0
        )
        attempt_of(payout, "sent")
    # rows.attempt_of gives each an expiration shortly after 1,000,000 ms.


@pytest.mark.parametrize(
    ("count", "solid_ms", "after"),
    [(5, 10_000_000, "closed"), (6, 10_000_000, "open"), (6, 900_000, "closed")],
    ids=["five", "six", "six, while the solid head stands before their expiration"],
)
def test_unknown_ones_open_it_by_solid_time(service: User, count: int, solid_ms: int, after: str) -> None:
    unknown_ones(service, count)
    ChainState.objects.filter(pk=1).update(head_time_ms=99_000_000, solid_time_ms=solid_ms)
    breakers.sweep()
    assert state() == after


def test_the_number_of_unknown_ones_follows_the_in_flight_cap(service: User) -> None:
    set_policy(V0, in_flight=200)
    unknown_ones(service, 10)
    ChainState.objects.filter(pk=1).update(solid_time_ms=99_000_000)
    breakers.sweep()
    assert state() == "closed"
    unknown_ones(service, 1)
    breakers.sweep()
    assert state() == "open"


def test_after_its_cool_down_it_is_half_open_and_not_a_second_before(ended: Any) -> None:
    ended("FFF")
    passes(5 - 1 / 60)
    assert state() == "open"
    passes(1 / 60)
    assert state() == "half_open"


def test_three_good_probes_close_it_and_a_new_sample_begins(ended: Any) -> None:
    ended("FFF")
    passes(5)
    for told, after in (("S", "half_open"), ("S", "half_open"), ("S", "closed")):
        passes(0.1)
        made_now(ended, told)
        assert state() == after
    passes(0.1)
    ended("FF")
    assert state() == "closed", "the three failures before are forgotten"
    ended("F")
    assert state() == "open"


def test_one_bad_probe_opens_it_again_for_twice_as_long(ended: Any) -> None:
    ended("FFF")
    passes(5)
    made_now(ended, "SF")
    assert (state(), Breaker.objects.get(scope=V0).cause) == ("open", "failed_probe")
    passes(9.9)
    assert state() == "open"
    passes(0.1)
    assert state() == "half_open"


def made_now(ended: Any, told: str) -> None:
    """Probes: attempts made since it is half open."""
    for word in told:
        ended(word, tell=False)
        Attempt.objects.filter(pk=Attempt.objects.latest("pk").pk).update(created_at=clock.now())
        breakers.attempts_ended({V0: 1})


def test_an_attempt_from_before_it_opened_is_no_probe(ended: Any) -> None:
    ended("FFF")
    passes(5)
    ended("F", tell=False)
    Attempt.objects.filter(pk=Attempt.objects.latest("pk").pk).update(created_at=NOON)
    breakers.attempts_ended({V0: 1})
    assert state() == "half_open"


def trips(ended: Any, times: int) -> timedelta:
    """So many trips in a row; answers the last one's cool-down."""
    ended("FFF")
    for _ in range(times - 1):
        passes(60)
        made_now(ended, "F")
    row = Breaker.objects.get(scope=V0)
    assert row.cool_down_until is not None
    assert row.opened_at is not None
    return row.cool_down_until - row.opened_at


def test_midnight_forgets_how_often_it_tripped(ended: Any) -> None:
    assert trips(ended, 4) == timedelta(minutes=40)
    clock.freeze(datetime(2026, 7, 16, 0, 0, 1, tzinfo=UTC))
    breakers.sweep()
    assert state() == "half_open"
    made_now(ended, "F")
    row = Breaker.objects.get(scope=V0)
    assert row.cool_down_until == clock.now() + timedelta(minutes=5)


@pytest.mark.parametrize(("setting", "after"), [("half_open", "half_open"), ("closed", "closed")])
def test_midnight_waits_for_the_cool_down_and_then_does_as_set(
    ended: Any, settings: Any, setting: str, after: str
) -> None:
    settings.BREAKER_MIDNIGHT = setting
    clock.freeze(datetime(2026, 7, 15, 23, 58, tzinfo=UTC))
    ended("FFF")
    clock.freeze(datetime(2026, 7, 16, 0, 2, tzinfo=UTC))
    breakers.sweep()
    assert state() == "open"
    clock.freeze(datetime(2026, 7, 16, 0, 3, tzinfo=UTC))
    breakers.sweep()
    assert state() == after


def test_the_plain_reading_closes_nothing_within_the_day(ended: Any, settings: Any) -> None:
    settings.BREAKER_MIDNIGHT = "closed"
    ended("FFF")
    passes(5)
    assert state() == "half_open"


@pytest.mark.parametrize("cause", ["opened_by_hand", "compliance", "reconciliation", "key", "kill_switch"])
@pytest.mark.parametrize("midnight", ["half_open", "closed"])
def test_what_people_or_alarms_opened_never_ends_by_itself(
    ended: Any, settings: Any, cause: str, midnight: str
) -> None:
    settings.BREAKER_MIDNIGHT = midnight
    ended("FFF")
    if cause == "opened_by_hand":
        assert breakers.open_by_hand(V0, actor=administrators()[0], reason="look first")
    else:
        assert breakers.trip(V0, TripCause(cause), "a test")
    passes(60 * 24 * 3)
    assert (state(), Breaker.objects.get(scope=V0).cause) == ("open", cause)
    assert not breakers.trip(V0, TripCause.KEY, "again")


def test_one_person_opens_two_close_and_the_sample_is_new(ended: Any) -> None:
    first, second = administrators()
    ended("FF")
    breakers.open_by_hand(V0, actor=first, reason="odd fees")
    passes(1)
    assert breakers.close_by_hand(V0, actor=first, second=second, reason="fees are well")
    passes(1)
    ended("F")
    assert state() == "closed"
    event = BreakerEvent.objects.get(to_state="closed")
    assert (event.actor_label, event.second_label) == ("admin-1", "admin-2")
    entry = AuditEntry.objects.get(action="breaker.closed")
    assert (entry.actor, entry.details["confirmed_by"]) == (first, "admin-2")
    assert not breakers.close_by_hand(V0, actor=first, second=second, reason="again")


def test_two_people_half_open_what_never_ends_by_itself(ended: Any) -> None:
    first, second = administrators()
    breakers.trip(V0, TripCause.RECONCILIATION, "books differ")
    assert breakers.half_open_by_hand(V0, actor=first, second=second, reason="explained")
    assert not breakers.half_open_by_hand(V0, actor=first, second=second, reason="again")
    made_now(ended, "SSS")
    assert state() == "closed"


def test_the_database_refuses_one_person_s_closing_whoever_writes() -> None:
    first, _ = administrators()
    with pytest.raises(IntegrityError), transaction.atomic():
        BreakerEvent.objects.create(
            scope=V0, from_state="open", to_state="closed", detail="", actor=first, second=first
        )
    breakers.trip(V0, TripCause.KEY, "a test")
    with pytest.raises(IntegrityError), transaction.atomic():
        breakers.close_by_hand(V0, actor=first, second=first, reason="all is well")
    assert state() == "open"


def test_how_it_reads_from_outside(ended: Any) -> None:
    room = limits.room(clock.now())
    assert standing.of(None, room) == standing.Standing("closed")
    ended("FFF")
    assert standing.of(None, room) == standing.Standing("open", "consecutive_failures")
    assert standing.of(KYC, room) == standing.Standing("closed")
    passes(5)
    assert standing.of(V0, room) == standing.Standing("half_open", "consecutive_failures")
