"""The acts on limits, breakers and kill switches, through their pages: who may, what it takes, and what it does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts, confirm, doing
from lucid_payments.backoffice.models import ActState, TwoPersonAct
from lucid_payments.events.models import Event
from payouts.models import Payout
from routers import breakers, killswitch
from routers.models import Breaker, KillSwitch, LimitWaiver, LimitWindow, TripCause
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.admin import world
from tests.policies import KYC, V0, set_policy

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
REASON = "the price feed was wrong and is right again"
HOUR, DAY = "global@2026-07-15T12", "global@2026-07-15T00"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> None:
    clock.freeze(NOON)


@pytest.fixture
def first() -> Desk:
    return people.desk(name="first")


@pytest.fixture
def second() -> Desk:
    return people.desk(name="second")


def stand() -> dict[str, Any]:
    """All that these acts change."""
    return {
        "switches": list(KillSwitch.objects.order_by("pk").values()),
        "breakers": list(Breaker.objects.order_by("pk").values()),
        "waived": list(LimitWindow.objects.exclude(waived=0).values("pk", "waived")),
        "waivers": LimitWaiver.objects.count(),
    }


def state(router: str = V0) -> str:
    return Breaker.objects.get(scope=router).state


def use(period: str, amount: int, key: str = "", scope: str = "global") -> LimitWindow:
    """A window of now of which `amount` is posted."""
    start = NOON.replace(minute=0) if period == "hour" else NOON.replace(hour=0, minute=0)
    return LimitWindow.objects.create(
        scope=scope, key=key, period=period, starts_at=start, cap=1_000 * USDT, posted=amount
    )


def held(count: int, amount: int, reason: str = "hourly_limit", router: str = V0) -> None:
    service = world.user("service", name=f"service-{router}-{reason}")
    for _ in range(count):
        world.payout(
            service, hold=reason, amount=amount, router_type=router, due_at=NOON - timedelta(minutes=5)
        )


def text(desk: Desk, path: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", desk.client.get(path).content.decode()).split())


def act(desk: Desk, kind: str, key: str, **answers: str) -> Any:
    return desk.act(kind, key, **{"reason": REASON, **answers})


def prepare(kind: str) -> str:
    """Let the act be possible; its key."""
    if kind == "killswitch.release":
        killswitch.pull(actor=None, reason="a drill")
    if kind in ("breaker.close", "breaker.half_open"):
        breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")
    if kind.startswith("limit."):
        use(kind.rpartition("_")[2], 400 * USDT)
    keys = {"killswitch": "global", "breaker": V0}
    return keys.get(kind.partition(".")[0]) or (HOUR if kind == "limit.reset_hour" else DAY)


AT_ONCE = ["killswitch.pull", "breaker.open"]
BY_TWO = ["killswitch.release", "breaker.close", "breaker.half_open", "limit.reset_hour", "limit.reset_day"]


def records() -> tuple[int, int]:
    """How long the audit log and the list of events are."""
    return AuditEntry.objects.count(), Event.objects.count()


def proved(desk: Desk, ago: timedelta) -> None:
    """The desk's session proved the second factor so long ago."""
    session = desk.client.session
    session["backoffice_factor"] = (timezone.now() - ago).timestamp()
    session.save()


def amount_for(kind: str) -> dict[str, str]:
    return {"amount": "400"} if kind.startswith("limit.") else {}


@pytest.mark.parametrize("kind", AT_ONCE)
def test_one_administrator_stops_at_once(first: Desk, kind: str) -> None:
    answer = act(first, kind, prepare(kind))

    assert answer["Location"] == "/admin/routers/limitwindow/"
    assert (killswitch.is_pulled(), state()) == (
        (kind == AT_ONCE[0]),
        "open" if kind == AT_ONCE[1] else "closed",
    )
    assert state(KYC) == "closed"
    entry = AuditEntry.objects.get(action__in=["killswitch.pulled", "breaker.opened"])
    assert entry.actor == first.user
    assert REASON in str(entry.details)
    assert Event.objects.filter(type=entry.action).count() == 1


@pytest.mark.parametrize("kind", BY_TWO)
def test_what_loosens_happens_when_a_second_one_confirms(first: Desk, second: Desk, kind: str) -> None:
    key = prepare(kind)
    before = stand()

    assert act(first, kind, key, **amount_for(kind)).status_code == 302
    row = TwoPersonAct.objects.get()
    assert stand() == before

    done = second.answer(row.pk, "confirm", reason="")

    assert (done.status_code, done["Location"]) == (302, "/admin/routers/limitwindow/")
    assert stand() != before
    row.refresh_from_db()
    assert row.state == ActState.CONFIRMED
    assert not killswitch.is_pulled()
    if kind.startswith("breaker."):
        assert state() == ("closed" if kind == "breaker.close" else "half_open")
    if kind.startswith("limit."):
        waiver = LimitWaiver.objects.get()
        assert (waiver.amount, waiver.actor, waiver.second) == (400 * USDT, first.user, second.user)
        assert waiver.window.free == waiver.window.cap
        assert waiver.window.used == 400 * USDT, "counts stay visible"


@pytest.mark.parametrize("kind", BY_TWO)
def test_the_same_person_twice_does_nothing(first: Desk, kind: str) -> None:
    key = prepare(kind)
    before = stand()
    act(first, kind, key, **amount_for(kind))

    assert first.answer(TwoPersonAct.objects.get().pk, "confirm").status_code == 409

    assert stand() == before


@pytest.mark.parametrize("role", ["payout_approver", "compliance_officer", "auditor"])
@pytest.mark.parametrize("kind", AT_ONCE + BY_TWO)
def test_another_role_is_refused_with_the_reason(first: Desk, role: str, kind: str) -> None:
    key = prepare(kind)
    before = stand()
    outsider = people.desk(role)
    form = first.form(acts.url(kind, key))

    answer = outsider.send(acts.url(kind, key), form, reason=REASON, **amount_for(kind))

    assert answer.status_code == 403
    assert "doesn&#x27;t do this" in answer.content.decode()
    assert (stand(), TwoPersonAct.objects.count()) == (before, 0)


@pytest.mark.parametrize("kind", AT_ONCE + BY_TWO)
def test_a_replayed_post_does_nothing(first: Desk, kind: str) -> None:
    path = acts.url(kind, prepare(kind))
    form = first.form(path)
    given = {"reason": REASON, **amount_for(kind)}
    first.send(path, form, **given)
    TwoPersonAct.objects.filter(state=ActState.ASKED).update(
        state=ActState.WITHDRAWN, answered_at=clock.now()
    )
    KillSwitch.objects.update(pulled=kind == "killswitch.release", actor=None)
    Breaker.objects.filter(state="open").update(cool_down_until=NOON)
    before = stand()

    again = first.send(path, form, **given)

    assert again.status_code == 302
    assert confirm.DONE_ALREADY in first.client.get(path).content.decode()
    assert (stand(), TwoPersonAct.objects.filter(state=ActState.ASKED).count()) == (before, 0)


def changed_by_another(kind: str) -> None:
    """What the act is about isn't any more what a page that stands open shows."""
    if kind.startswith("breaker."):
        opened_anew()
    if kind == "killswitch.release":
        killswitch.release(**two_others())
    if kind.startswith("killswitch."):
        killswitch.pull(actor=None, reason="somebody was first")
    LimitWindow.objects.update(waived=1)


def two_others() -> dict[str, Any]:
    pair = [world.user("admin", name=name) for name in ("third", "fourth")]
    return {"actor": pair[0], "second": pair[1], "reason": REASON}


def opened_anew() -> None:
    """It stands open as before, for a while by itself; but it isn't what anybody looked at."""
    breakers.close_by_hand(V0, **two_others())
    with transaction.atomic():
        breakers.states.open_(
            breakers.states.locked(V0), TripCause.CONSECUTIVE, "The last 5 attempts failed."
        )


@pytest.mark.parametrize("kind", AT_ONCE + BY_TWO)
def test_a_stale_page_does_nothing(first: Desk, kind: str) -> None:
    key = prepare(kind)
    form = first.form(acts.url(kind, key))
    changed_by_another(kind)
    before, told = stand(), records()

    answer = first.send(acts.url(kind, key), form, reason=REASON, **amount_for(kind))

    assert answer.status_code == (403 if kind == "killswitch.pull" else 409)
    if kind != "killswitch.pull":
        assert doing.CHANGED in answer.content.decode()
        assert REASON in answer.content.decode(), "what was typed isn't typed again"
    assert (stand(), records(), TwoPersonAct.objects.count()) == (before, told, 0)


@pytest.mark.parametrize("kind", BY_TWO)
def test_what_changed_since_it_was_asked_for_isn_t_confirmed(first: Desk, second: Desk, kind: str) -> None:
    key = prepare(kind)
    act(first, kind, key, **amount_for(kind))
    changed_by_another(kind)
    before, told = stand(), records()

    answer = second.answer(TwoPersonAct.objects.get().pk, "confirm", reason="looks well")

    assert answer.status_code == 409
    assert "looks well" in answer.content.decode()
    assert (stand(), records()) == (before, told)


@pytest.mark.parametrize("kind", AT_ONCE + BY_TWO)
def test_a_factor_counts_for_five_minutes(first: Desk, second: Desk, kind: str) -> None:
    key = prepare(kind)
    before, told = stand(), records()
    proved(first, timedelta(minutes=5, seconds=1))

    assert act(first, kind, key, code="", **amount_for(kind)).status_code == 200

    assert (stand(), records(), TwoPersonAct.objects.count()) == (before, told, 0)
    proved(first, timedelta(minutes=4, seconds=50))
    assert act(first, kind, key, code="", **amount_for(kind)).status_code == 302
    if kind in AT_ONCE:
        return
    row = TwoPersonAct.objects.get()
    proved(second, timedelta(minutes=5, seconds=1))
    assert second.answer(row.pk, "confirm", code="").status_code == 200
    assert stand() == before
    proved(second, timedelta(minutes=4, seconds=50))
    assert second.answer(row.pk, "confirm", code="").status_code == 302
    assert stand() != before


@pytest.mark.parametrize("kind", ["breaker.close", "breaker.half_open"])
def test_a_breaker_that_somebody_opened_since_it_was_asked_for_stays_open(
    first: Desk, second: Desk, kind: str
) -> None:
    """It was open for a while by itself and is open for good now, by the same second of the same clock."""
    Breaker.objects.filter(scope=V0).update(
        state="open", cause="error_rate", cool_down_until=NOON + timedelta(minutes=30), changed_at=NOON
    )
    act(first, kind, V0)
    act(people.desk(name="third"), "breaker.open", V0)

    answer = second.answer(TwoPersonAct.objects.get().pk, "confirm")

    assert answer.status_code == 409
    row = Breaker.objects.get(scope=V0)
    assert (row.state, row.cause, row.changed_at) == ("open", "opened_by_hand", NOON)


def test_of_two_who_pull_the_second_learns_that_it_is_done(first: Desk, second: Desk) -> None:
    path = acts.url("killswitch.pull", "global")
    form = second.form(path)
    act(first, "killswitch.pull", "global")

    answer = second.send(path, form)

    assert answer.status_code == 403
    assert "pulled already" in answer.content.decode()
    assert AuditEntry.objects.filter(action="killswitch.pulled").count() == 1


@pytest.mark.parametrize("reason", ["too short for this", " " * 30])
def test_a_reset_takes_a_reason_of_twenty_characters(first: Desk, reason: str) -> None:
    key = prepare("limit.reset_hour")

    assert act(first, "limit.reset_hour", key, amount="400", reason=reason).status_code == 200
    assert not TwoPersonAct.objects.exists()


@pytest.mark.parametrize("amount", ["", "0", "-1", "1e3", "all"])
def test_a_reset_takes_an_amount(first: Desk, amount: str) -> None:
    key = prepare("limit.reset_hour")

    assert act(first, "limit.reset_hour", key, amount=amount).status_code == 200
    assert not TwoPersonAct.objects.exists()


def test_a_reset_above_the_signers_own_ceiling_names_what_moves_it(first: Desk) -> None:
    key = prepare("limit.reset_hour")

    answer = act(first, "limit.reset_hour", key, amount="500.000001")

    assert answer.status_code == 409
    assert "manage.py signer caps --hourly" in answer.content.decode()
    assert not TwoPersonAct.objects.exists()


def test_what_is_unused_or_at_the_ceiling_can_t_be_reset(first: Desk) -> None:
    path = acts.url("limit.reset_hour", HOUR)
    assert "there is nothing to reset" in text(first, path)
    use("hour", 1_400 * USDT)
    LimitWindow.objects.update(waived=500 * USDT)

    assert "manage.py signer caps --hourly" in text(first, path)


@pytest.mark.parametrize(("kind", "key", "later"), [
    ("limit.reset_hour", HOUR, timedelta(minutes=30)), ("limit.reset_day", DAY, timedelta(hours=11, minutes=30)),
])  # fmt: skip
def test_confirmed_after_its_window_ended_it_says_so_and_offers_the_current_one(
    kind: str, key: str, later: timedelta
) -> None:
    prepare(kind)
    clock.freeze(NOON + later - timedelta(minutes=5))
    first, second = people.desk(name="first"), people.desk(name="second")
    act(first, kind, key, amount="400")
    row = TwoPersonAct.objects.get()
    clock.freeze(NOON + later)
    before = stand()

    answer = second.answer(row.pk, "confirm")

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "has ended and took what was waived with it" in page
    offered = f"global@{'2026-07-15T13' if kind == 'limit.reset_hour' else '2026-07-16T00'}"
    assert acts.url(kind, offered) in page
    assert stand() == before
    late = first.client.get(acts.url(kind, key))
    assert (late.status_code, acts.url(kind, offered) in late.content.decode()) == (403, True)
    set_policy(hourly_limit=77 * USDT, daily_limit=88 * USDT)
    cap = "1,000.00" if kind == "limit.reset_hour" else "10,000.00"
    for path in (acts.url(kind, key), f"/admin/backoffice/twopersonact/{row.pk}/"):
        ended = text(first, path).partition("As it ended")[2]
        assert f"Cap {cap} USDT Waived on top 0.00 USDT Posted 400.00 USDT" in ended, "its own figures"
    clock.freeze(NOON + later + timedelta(hours=2))
    assert (
        acts.url(kind, offered).partition("@")[0]
        in second.client.get(f"/admin/backoffice/twopersonact/{row.pk}/").content.decode()
    ), "and when nobody confirmed it, too"
    assert LimitWindow.objects.count() == 1, "looking makes no window"


@pytest.mark.parametrize(("kind", "key"), [
    ("killswitch.pull", "everything"), ("breaker.open", "global"), ("limit.reset_hour", "global"),
    ("limit.reset_hour", "recipient@2026-07-15T12"), ("limit.reset_hour", "global@2026-07-15T13"),
    ("limit.reset_day", HOUR), ("limit.reset_hour", "global@yesterday"),
])  # fmt: skip
def test_what_there_is_not_is_not_found(first: Desk, kind: str, key: str) -> None:
    assert first.client.get(acts.url(kind, key)).status_code == 404


class TestFigures:
    """Before anybody presses the button, the page says how many payouts of how much it is about."""

    def test_a_reset_tells_what_its_room_lets_go(self, first: Desk) -> None:
        set_policy(V0, hourly_limit=900 * USDT, recipient_limit=5_000 * USDT, daily_limit=5_000 * USDT)
        use("hour", 980 * USDT)
        held(7, 50 * USDT)

        path = acts.url("limit.reset_hour", HOUR)
        assert "7 held payouts, 350.00 USDT will go now" in text(first, path)
        page = first.client.post(path, {"amount": "100", "reason": ""}).content.decode()
        assert "2 held payouts, 100.00 USDT will go now" in page

    def test_it_is_the_whole_queue_that_is_counted(self, first: Desk) -> None:
        """However long it is, and whatever stands in front that can't go anyway."""
        wide = 100_000 * USDT
        set_policy(hourly_limit=wide, daily_limit=wide, creator_limits={})
        set_policy(V0, hourly_limit=wide, daily_limit=wide, recipient_limit=3 * USDT)
        held(4, 5 * USDT)
        service = world.user("service")
        fields = {"router_type": V0, "reason": "relay", "hold_reason": "breaker", "due_at": NOON}
        Payout.objects.bulk_create(
            Payout(creator=service, recipient_address=f"T{number % 700}", amount=USDT + number % 2, **fields)
            for number in range(2_800)
        )
        path = acts.url("breaker.close", prepare("breaker.close"))

        # Of each recipient's four payouts of 1 or 1.000001 USDT two or three fit into 3 USDT.
        assert "1750 held payouts, 1,750.0007 USDT will go now" in text(first, path)

    def test_a_release_tells_what_goes_and_what_stays(self, first: Desk) -> None:
        held(3, 60 * USDT, "kill_switch")
        held(2, 60 * USDT, "kill_switch", KYC)
        killswitch.pull(actor=None, reason="a drill")
        path = acts.url("killswitch.release", "global")
        assert "5 held payouts, 300.00 USDT will go now" in text(first, path)

        breakers.trip(KYC, TripCause.COMPLIANCE, "a list changed")
        killswitch.pull(actor=None, reason="a drill", scope=V0)
        page = text(first, path)
        assert "0 held payouts, 0.00 USDT will go now" in page
        assert "The kill switch of Router V0 stays pulled." in page
        assert "The breaker of Router KYC stays open." in page

    def test_a_stop_tells_what_will_wait(self, first: Desk) -> None:
        held(1, 60 * USDT, "in_flight")
        held(2, 60 * USDT, "in_flight", KYC)

        assert "3 held payouts, 180.00 USDT could go now" in text(
            first, acts.url("killswitch.pull", "global")
        )
        assert "1 held payout, 60.00 USDT could go now" in text(first, acts.url("breaker.open", V0))

    def test_closing_tells_what_goes_unless_a_kill_switch_is_pulled(self, first: Desk) -> None:
        held(4, 60 * USDT, "breaker")
        path = acts.url("breaker.close", prepare("breaker.close"))
        assert "4 held payouts, 240.00 USDT will go now" in text(first, path)

        killswitch.pull(actor=None, reason="a drill")
        page = text(first, path)
        assert "0 held payouts, 0.00 USDT will go now" in page
        assert "The kill switch still stops Router V0." in page
