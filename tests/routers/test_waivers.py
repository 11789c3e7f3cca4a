"""Waivers: what two people let through on top of one window, and when it is void."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from routers import limits
from routers.errors import Refused
from routers.limits import Claim, Slot
from routers.models import LimitWaiver, LimitWindow
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


def waive(slot: Slot = HOUR, amount: int = 100 * USDT, reason: str = REASON) -> LimitWaiver:
    first, second = administrators()
    return limits.waive(slot, amount, actor=first, second=second, reason=reason)


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda error: error.code == code)


def fits(amount: int, at: datetime = NOON) -> str | None:
    set_policy(V0, hourly_limit=5_000 * USDT, daily_limit=9_000 * USDT, recipient_limit=9_000 * USDT)
    claim = Claim(V0, "T1", 1, "admin", amount)
    return limits.locked_room(at, [claim]).refusal(claim)


def test_two_people_let_more_through_in_that_window_alone() -> None:
    assert fits(1_000 * USDT + 1) == "hourly_limit"
    waiver = waive()
    assert fits(1_100 * USDT) is None
    assert fits(1_100 * USDT + 1) == "hourly_limit"
    assert fits(1_000 * USDT + 1, at=NOON + timedelta(hours=1)) == "hourly_limit", "void in the next hour"
    assert (waiver.actor_label, waiver.second_label, waiver.reason) == ("admin-1", "admin-2", REASON)
    entry, event = AuditEntry.objects.get(), Event.objects.get()
    assert (entry.action, entry.actor_label, entry.details["confirmed_by"]) == (
        "limit.waived",
        "admin-1",
        "admin-2",
    )
    assert (event.type, "admin" in str(event.payload)) == ("limit.waived", False)


def test_a_reset_gives_the_whole_cap_again_and_hides_nothing() -> None:
    LimitWindow.objects.create(
        scope="global", period="hour", starts_at=HOUR.starts_at, cap=1, posted=300 * USDT, reserved=100 * USDT
    )
    window = LimitWindow.objects.get()
    missing = limits.missing_for_reset(window)
    assert missing == 400 * USDT
    waive(amount=missing)
    window.refresh_from_db()
    assert (window.free, window.used) == (1_000 * USDT, 400 * USDT)
    assert limits.missing_for_reset(window) == 0


@pytest.mark.parametrize("slot", [HOUR, DAY], ids=["hour", "day"])
def test_too_late_it_says_so_and_offers_the_window_of_now(slot: Slot) -> None:
    clock.freeze(slot.ends_at)
    with refused("too_late") as error:
        waive(slot)
    assert error.value.offer == Slot(slot.period, slot.ends_at, slot.scope, slot.key)
    assert "has ended" in error.value.sentence
    assert not LimitWaiver.objects.exists()
    assert not LimitWindow.objects.exclude(waived=0).exists()


@pytest.mark.parametrize(
    ("slot", "amount", "code"),
    [
        (HOUR, 0, "amount"),
        (HOUR, 500 * USDT + 1, "ceiling"),
        (DAY, 11_000 * USDT + 1, "ceiling"),
        (Slot("hour", NOON.replace(hour=13, minute=0), "global", ""), 1, "window"),
        (Slot("hour", NOON.replace(hour=11, minute=0), "global", ""), 1, "too_late"),
        (Slot("hour", NOON.replace(minute=0), "recipient", f"{V0} T1"), 1, "window"),
        (Slot("hour", NOON.replace(minute=0), "router", "PayoutRouterV9"), 1, "window"),
        (Slot("day", NOON.replace(hour=0, minute=0), "creator", "0"), 1, "window"),
    ],
    ids=[
        "nothing", "above the signer's hour", "above the signer's day", "the next hour",
        "the last hour", "a recipient's hour", "no such router", "no such creator",
    ],
)  # fmt: skip
def test_what_can_t_be_waived(slot: Slot, amount: int, code: str) -> None:
    with refused(code):
        waive(slot, amount)
    assert not LimitWaiver.objects.exists()


def test_up_to_the_signer_s_own_ceiling_and_the_refusal_names_what_moves_it() -> None:
    waive(amount=500 * USDT)
    with pytest.raises(Refused, match=r"manage\.py signer caps --hourly"):
        waive(amount=1)


def test_a_recipient_s_and_a_creator_s_day_can_be_waived() -> None:
    creator = User.objects.create_user("node-operator", role="node_operator")
    for scope, key in (("recipient", f"{V0} T1"), ("creator", str(creator.pk))):
        waiver = waive(Slot("day", DAY.starts_at, scope, key), 5 * USDT)
        assert (waiver.window.scope, waiver.window.waived) == (scope, 5 * USDT)


def test_the_database_refuses_one_person_s_waiver_whoever_writes() -> None:
    window = waive().window
    first, _ = administrators()
    with pytest.raises(IntegrityError), transaction.atomic():
        LimitWaiver.objects.create(window=window, amount=1, reason=REASON, actor=first, second=first)
    with pytest.raises(IntegrityError), transaction.atomic():
        limits.waive(HOUR, 1, actor=first, second=first, reason=REASON)
    window.refresh_from_db()
    assert window.waived == 100 * USDT
