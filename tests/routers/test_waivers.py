"""Waivers: what two people let through on top of one window, and when it is void."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from routers import limits, two_people
from routers.errors import ActRefused
from routers.limits import Claim, Slot
from routers.models import Ask, LimitWaiver, LimitWindow
from tests.policies import V0, administrators, set_policy

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
HOUR = Slot("hour", NOON.replace(minute=0), "global", "")
DAY = Slot("day", NOON.replace(hour=0, minute=0), "router", V0)
REASON = "The partner's campaign ends today."

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> None:
    clock.freeze(NOON)


def ask(slot: Slot = HOUR, amount: int = 100 * USDT, reason: str = REASON) -> Ask:
    return limits.ask_waiver(slot, amount, actor=administrators()[0], reason=reason)


def confirm(row: Ask, actor: User | None = None) -> LimitWaiver:
    return limits.confirm_waiver(row, actor=actor or administrators()[1])


def refused(code: str) -> pytest.RaisesExc[ActRefused]:
    return pytest.raises(ActRefused, check=lambda error: error.code == code)


def fits(amount: int, at: datetime = NOON) -> str | None:
    set_policy(V0, hourly_limit=5_000 * USDT, daily_limit=9_000 * USDT, recipient_limit=9_000 * USDT)
    claim = Claim(V0, "T1", 1, "admin", amount)
    return limits.locked_room(at, [claim]).refusal(claim)


def test_two_people_let_more_through_in_that_window_alone() -> None:
    assert fits(1_000 * USDT + 1) == "hourly_limit"
    row = ask()
    assert fits(1_000 * USDT + 1) == "hourly_limit", "not by one alone"
    waiver = confirm(row)
    assert fits(1_100 * USDT) is None
    assert fits(1_100 * USDT + 1) == "hourly_limit"
    assert fits(1_000 * USDT + 1, at=NOON + timedelta(hours=1)) == "hourly_limit", "void in the next hour"
    assert (waiver.actor_label, waiver.second_label, waiver.reason) == ("admin-1", "admin-2", REASON)
    told = ["limit.waiver.asked", "limit.waived"]
    assert list(AuditEntry.objects.values_list("action", flat=True)) == told
    assert list(Event.objects.values_list("type", flat=True)) == told


def test_a_reset_gives_the_whole_cap_again_and_hides_nothing() -> None:
    LimitWindow.objects.create(
        scope="global", period="hour", starts_at=HOUR.starts_at, cap=1, posted=300 * USDT, reserved=100 * USDT
    )
    window = LimitWindow.objects.get()
    missing = limits.missing_for_reset(window)
    assert missing == 400 * USDT
    confirm(ask(amount=missing))
    window.refresh_from_db()
    assert (window.free, window.used) == (1_000 * USDT, 400 * USDT)
    assert limits.missing_for_reset(window) == 0


@pytest.mark.parametrize("slot", [HOUR, DAY], ids=["hour", "day"])
def test_confirmed_too_late_it_says_so_and_offers_the_window_of_now(slot: Slot) -> None:
    clock.freeze(slot.ends_at - timedelta(minutes=20))
    row = ask(slot)
    clock.freeze(slot.ends_at)
    with refused("too_late") as error:
        confirm(row)
    assert error.value.offer == Slot(slot.period, slot.ends_at, slot.scope, slot.key)
    assert "has ended" in error.value.sentence
    assert not LimitWaiver.objects.exists()
    assert not LimitWindow.objects.exclude(waived=0).exists()


def test_it_waits_an_hour_for_the_second_person() -> None:
    row = ask(DAY)
    clock.freeze(NOON + two_people.LIFETIME)
    with refused("expired"):
        confirm(row)


def test_it_is_confirmed_once_by_another_active_administrator() -> None:
    first, _ = administrators()
    service = User.objects.create_user("service", role="service")
    gone = User.objects.create_user("gone", role="admin", is_active=False)
    row = ask()
    for actor, code in ((first, "same_person"), (service, "not_admin"), (gone, "not_admin")):
        with refused(code):
            confirm(row, actor)
    assert not LimitWaiver.objects.exists()
    confirm(row)
    with refused("answered"):
        confirm(row)
    assert LimitWaiver.objects.count() == 1


def test_an_administrator_who_lost_the_role_meanwhile_asked_for_nothing() -> None:
    row = ask()
    User.objects.filter(pk=row.asked_by_id).update(role="auditor")
    with refused("not_admin"):
        confirm(row)


def test_what_was_withdrawn_isn_t_confirmed() -> None:
    row = ask()
    assert two_people.waiting() == [row]
    two_people.withdraw(row, actor=administrators()[0])
    assert two_people.waiting() == []
    with refused("answered"):
        confirm(row)


@pytest.mark.parametrize(
    ("slot", "amount", "reason", "code"),
    [
        (HOUR, 100, "too short", "reason"),
        (HOUR, 0, REASON, "amount"),
        (HOUR, 500 * USDT + 1, REASON, "ceiling"),
        (DAY, 11_000 * USDT + 1, REASON, "ceiling"),
        (Slot("hour", NOON.replace(hour=13, minute=0), "global", ""), 1, REASON, "window"),
        (Slot("hour", NOON.replace(hour=11, minute=0), "global", ""), 1, REASON, "too_late"),
        (Slot("hour", NOON.replace(minute=0), "recipient", f"{V0} T1"), 1, REASON, "window"),
        (Slot("hour", NOON.replace(minute=0), "router", "PayoutRouterV9"), 1, REASON, "window"),
        (Slot("day", NOON.replace(hour=0, minute=0), "creator", "0"), 1, REASON, "window"),
    ],
    ids=[
        "a short reason", "nothing", "above the signer's hour", "above the signer's day", "the next hour",
        "the last hour", "a recipient's hour", "no such router", "no such creator",
    ],
)  # fmt: skip
def test_what_can_t_be_asked_for(slot: Slot, amount: int, reason: str, code: str) -> None:
    with refused(code):
        ask(slot, amount, reason)
    assert not Ask.objects.exists()


def test_up_to_the_signer_s_own_ceiling_and_the_refusal_names_what_moves_it() -> None:
    confirm(ask(amount=500 * USDT))
    with pytest.raises(ActRefused, match="SIGNER_HOURLY_CAP"):
        ask(amount=1)


def test_a_recipient_s_and_a_creator_s_day_can_be_waived() -> None:
    creator = User.objects.create_user("node-operator", role="node_operator")
    for scope, key in (("recipient", f"{V0} T1"), ("creator", str(creator.pk))):
        waiver = confirm(ask(Slot("day", DAY.starts_at, scope, key), 5 * USDT))
        assert (waiver.window.scope, waiver.window.waived) == (scope, 5 * USDT)


def test_the_database_refuses_one_person_s_waiver_whoever_writes() -> None:
    window = confirm(ask()).window
    first, _ = administrators()
    with pytest.raises(IntegrityError), transaction.atomic():
        LimitWaiver.objects.create(window=window, amount=1, reason=REASON, actor=first, second=first)
    row = ask()
    with pytest.raises(IntegrityError), transaction.atomic():
        Ask.objects.filter(pk=row.pk).update(state="confirmed", answered_by=first)
