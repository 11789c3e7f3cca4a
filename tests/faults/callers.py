"""What clients and administrators do in mid-flight."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.faults.caller import Caller, expect_paid, serial_of
from tests.faults.node_answers import BROADCAST
from tests.faults.orders import around, forget_orders, left, manage, order, wait_for_pause, whenever_paused
from tests.faults.rig import Rig
from tests.faults.row import HOUR, Row, all_paid_once, put_right

ONE_PAYOUT = "one payout, and the first answer again; paid once"
MONTH = 31 * 24 * HOUR
ENDED_BY_TWO = "nothing more leaves until two people end it; then paid once"
UNSIGNED_WAITS = "what isn't signed waits for two people, what is signed runs to its end; paid once"
PEOPLE = """
from lucid_payments.accounts.models import User
one, two = (User.objects.get(username=name) for name in ("admin", "second_admin"))
"""
PULL = PEOPLE + "from routers import killswitch; killswitch.pull(actor=one, reason='fault matrix')"
RELEASE = (
    PEOPLE
    + "from routers import killswitch; killswitch.release(actor=one, second=two, reason='fault matrix')"
)
OPEN = PEOPLE + (
    "from routers.breakers import by_hand; by_hand.open_by_hand('PayoutRouterV0', actor=one, reason='fault matrix')"
)
CLOSE = PEOPLE + (
    "from routers.breakers import by_hand;"
    " by_hand.close_by_hand('PayoutRouterV0', actor=one, second=two, reason='fault matrix')"
)
# Below the ten payouts that are reserved, and back to what was in force before.
LOWER = (
    PEOPLE
    + """
from routers import policy
from routers.policy import changes
before = policy.current().of("PayoutRouterV0")
lowered = {"payout_maximum": 2_000_000, "hourly_limit": 4_000_000, "daily_limit": 5_000_000}
lowered["recipient_limit"] = 4_000_000
changes.change("PayoutRouterV0", lowered, base_version=before.version, actor=one, second=two, reason="fault matrix")
"""
)
RAISE = (
    PEOPLE
    + """
from routers.models import RouterPolicy
from routers.policy import changes
now, before = RouterPolicy.objects.filter(scope="PayoutRouterV0").order_by("-version")[:2]
fields = ("payout_maximum", "hourly_limit", "daily_limit", "recipient_limit")
raised = {name: getattr(before, name) for name in fields}
changes.change("PayoutRouterV0", raised, base_version=now.version, actor=one, second=two, reason="fault matrix")
"""
)


def the_same_request_twice(rig: Rig) -> None:
    caller, serial = Caller(rig), serial_of(rig, "twice")
    first, again = caller.pay(serial), caller.pay(serial)
    assert (again.status, again.replayed, again.body) == (201, True, first.body)
    expect_paid(rig, first, serial)


def the_same_request_at_once(rig: Rig) -> None:
    """Eight of it: one is the first, the others hear its answer or that it has none yet."""
    caller, serial = Caller(rig), serial_of(rig, "parallel")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: caller.pay(serial), range(8)))
    made = [answer for answer in answers if answer.status == 201]
    assert sum(not answer.replayed for answer in made) == 1, answers
    assert len({answer.body["payout_id"] for answer in made}) == 1
    assert {answer.status for answer in answers} <= {201, 409}
    expect_paid(rig, made[0], serial)


def requests_whose_process_dies(rig: Rig) -> None:
    """The web is killed around its commits and its nudge; the caller sends the same again until it hears something."""
    forget_orders(rig)
    caller = Caller(rig)
    for point in around("request", "create", "nudge"):
        order(rig, "die", point)
        serial = serial_of(rig, point)
        expect_paid(rig, caller.insist(serial), serial)
        # Many nudges within a second are one: the next request has one of its own.
        rig.turn()
    forget_orders(rig)


def the_same_request_a_month_later(rig: Rig) -> None:
    caller, serial = Caller(rig), serial_of(rig, "month")
    first = caller.pay(serial)
    expect_paid(rig, first, serial)
    assert rig.resolve(HOUR)
    rig.step(seconds=MONTH)
    rig.turn()
    again = Caller(rig).pay(serial)
    assert (again.status, again.code) == (409, "LUCID_ERR_1003"), again
    rig.began_ms = rig.devnet.now_ms()


def cancel_against_the_release(rig: Rig) -> None:
    """The release stands just before its commit while three of its payouts are called off: the cancellations wait."""
    forget_orders(rig)
    order(rig, "pause", "release.before")
    rig.ask()
    held = wait_for_pause(rig, "release.before")
    caller = Caller(rig)
    wanted = [asked.payout_id for asked in rig.asked[:3]]
    threads = [threading.Thread(target=caller.cancel, args=[payout_id]) for payout_id in wanted]
    for thread in threads:
        thread.start()
    threads[0].join(1)
    assert threads[0].is_alive(), "it waits for the release's lock"
    held.unlink()
    for thread in threads:
        thread.join()
    forget_orders(rig)


def cancelled_or_paid(rig: Rig) -> None:
    """Each of them one or the other, never both; the books are compared anyway."""
    statuses = rig.statuses()
    assert statuses["confirmed"] + statuses["cancelled"] == rig.count, rig.explain()
    assert statuses["confirmed"] >= rig.count - 3


def never_included(rig: Rig) -> None:
    rig.fault("hold", BROADCAST)


def cancel_between_attempts(rig: Rig) -> None:
    """The first attempts are dead, the next not made yet: now a cancellation is allowed."""
    for _ in range(40):
        rig.turn()
        if rig.attempts() == {"dead": rig.count}:
            break
        rig.step(blocks=10)
    caller = Caller(rig)
    for asked in rig.asked[:3]:
        answer = caller.cancel(asked.payout_id)
        assert answer.status == 200, answer
    put_right(rig)


def three_cancelled_the_others_paid(rig: Rig) -> None:
    assert rig.statuses() == {"cancelled": 3, "confirmed": rig.count - 3}, rig.explain()


BETWEEN = {
    "release.after": "between release and signing",
    "sign.after": "between signing and broadcast",
    "claim.after": "just before the first byte leaves",
}


def stopped_at(point: str, what: str, expected: str, stop: str, go_on: str) -> Row:
    """Somebody stops payouts while a process stands at `point`, and two people let them go on ten minutes later."""

    def disturb(rig: Rig) -> None:
        forget_orders(rig)
        whenever_paused(rig, lambda: manage(rig, stop), point)

    def relieve(rig: Rig) -> None:
        assert not left(rig), f"nobody came by {point}"
        manage(rig, go_on)

    return Row(
        name=f"{what} {BETWEEN[point]}",
        expected=expected,
        disturb=disturb,
        lasts=600,
        relieve=relieve,
        human_acts=2,
    )


def limits_as_before(rig: Rig) -> None:
    all_paid_once(rig)
    manage(rig, RAISE)


ROWS = [
    Row(name="the same request twice", expected=ONE_PAYOUT, disturb=the_same_request_twice),
    Row(
        name="the same request eight times at once",
        expected=ONE_PAYOUT,
        disturb=the_same_request_at_once,
    ),
    Row(
        name="the web is killed around its commits, and each request is sent again",
        expected=ONE_PAYOUT,
        disturb=requests_whose_process_dies,
    ),
    Row(
        name="the same request after 31 days",
        expected="refused, with the first payout's id; nothing is paid again",
        disturb=the_same_request_a_month_later,
    ),
    Row(
        name="cancelled while the release commits",
        expected="each is cancelled or paid once, never both",
        disturb=cancel_against_the_release,
        expect=cancelled_or_paid,
    ),
    Row(
        name="cancelled between two attempts",
        expected="those are never paid, their headroom is free; the others are paid once",
        disturb=never_included,
        relieve=cancel_between_attempts,
        expect=three_cancelled_the_others_paid,
    ),
    *(stopped_at(point, "the kill switch is pulled", ENDED_BY_TWO, PULL, RELEASE) for point in BETWEEN),
    *(stopped_at(point, "the breaker is opened", UNSIGNED_WAITS, OPEN, CLOSE) for point in BETWEEN),
    Row(
        name="limits are lowered below what is reserved",
        expected="what is on its way runs to its end; paid once",
        disturb=lambda rig: manage(rig, LOWER),
        strikes="sent",
        expect=limits_as_before,
        human_acts=2,
    ),
]
