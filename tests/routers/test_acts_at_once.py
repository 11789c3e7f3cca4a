"""The routers' acts when several people, or one who clicks twice, press the button at the same moment.

Everybody has the page open before anybody presses. Through the pages, on a database that commits: one act happens or
none, in its rows, in the audit log and in the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts, second_person
from lucid_payments.backoffice.models import ActState, TwoPersonAct
from lucid_payments.events.models import Event as Told
from routers import breakers, killswitch
from routers.models import (
    Breaker,
    BreakerEvent,
    KillSwitch,
    LimitWaiver,
    LimitWindow,
    RouterPolicy,
    TripCause,
)
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.admin import world
from tests.policies import V0
from tests.routers.test_policy_pages import V0_ANSWERS

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
REASON = "the price feed was wrong and is right again"
PEOPLE = 3


@dataclass(frozen=True)
class Case:
    """One act: its key, what each person fills in, the fact it leaves behind, and how often it is there."""

    kind: str
    key: str
    fact: str
    done: Callable[[], int]
    answers: Callable[[int], dict[str, Any]] = lambda person: {}
    before: Callable[[], Any] = lambda: None


def _tripped() -> None:
    breakers.trip(V0, TripCause.COMPLIANCE, "a list changed")


def _used() -> None:
    for period, start in (("hour", NOON.replace(minute=0)), ("day", NOON.replace(hour=0, minute=0))):
        LimitWindow.objects.create(
            scope="global", key="", period=period, starts_at=start, cap=1, posted=400 * USDT
        )


def _moves(to: str) -> Callable[[], int]:
    return lambda: BreakerEvent.objects.filter(to_state=to, actor__isnull=False).count()


def _switched(pulled: bool) -> Callable[[], int]:
    return lambda: KillSwitch.objects.filter(scope="global", pulled=pulled, actor__isnull=False).count()


def _amount(person: int) -> dict[str, Any]:
    return {"amount": f"{300 + person}"}


def _figures(hourly: int) -> Callable[[int], dict[str, Any]]:
    return lambda person: {**V0_ANSWERS, "hourly_limit": str(hourly + person)}


def _waived() -> int:
    assert sum(LimitWindow.objects.values_list("waived", flat=True)) == sum(
        LimitWaiver.objects.values_list("amount", flat=True)
    )
    return LimitWaiver.objects.count()


def _versions() -> int:
    return RouterPolicy.objects.filter(scope=V0).count() - 1


ALONE = [
    Case("killswitch.pull", "global", "killswitch.pulled", _switched(True)),
    Case("breaker.open", V0, "breaker.opened", _moves("open")),
    Case("policy.change", V0, "policy.changed", _versions, _figures(300)),
]
BY_TWO = [
    Case("killswitch.release", "global", "killswitch.released", _switched(False),
         before=lambda: killswitch.pull(actor=None, reason="a drill")),
    Case("breaker.close", V0, "breaker.closed", _moves("closed"), before=_tripped),
    Case("breaker.half_open", V0, "breaker.half_open", _moves("half_open"), before=_tripped),
    Case("limit.reset_hour", "global@2026-07-15T12", "limit.waived", _waived, _amount, _used),
    Case("limit.reset_day", "global@2026-07-15T00", "limit.waived", _waived, _amount, _used),
    Case("policy.change", V0, "policy.changed", _versions, _figures(500)),
]  # fmt: skip


def named(case: Case) -> str:
    return case.kind


@pytest.fixture(autouse=True)
def at_noon(cloned_database: str) -> None:
    clock.freeze(NOON)


@pytest.fixture
def desks() -> list[Desk]:
    """Administrators who have just proved their factor."""
    made = [people.desk(name=f"admin-{number}") for number in range(PEOPLE)]
    for desk in made:
        fresh(desk.client)
    return made


def fresh(client: Client) -> None:
    session = client.session
    session["backoffice_factor"] = timezone.now().timestamp()
    session.save()


def told(since: int = 0) -> list[str]:
    """What happened since, by both records: they say the same."""
    entries = [entry.action for entry in AuditEntry.objects.filter(pk__gt=since).order_by("pk")]
    events = [event.type for event in Told.objects.order_by("pk")]
    assert events[len(events) - len(entries) :] == entries
    return entries


def latest_entry() -> int:
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def at_once(presses: list[Callable[[], Any]]) -> list[int]:
    """All of them at the same moment, each on a connection of its own; the answers' status codes."""
    start = Barrier(len(presses))

    def press(one: Callable[[], Any]) -> int:
        try:
            start.wait(30)
            return int(one().status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(presses)) as pool:
        return list(pool.map(press, presses))


def twice(desk: Desk, path: str, given: dict[str, Any]) -> Iterator[Callable[[], Any]]:
    """The same POST from two browsers that share the session: a double click."""
    for _ in range(2):
        browser = Client()
        browser.cookies = copy(desk.client.cookies)
        yield lambda browser=browser: browser.post(path, given)  # type: ignore[misc]


def everybody_presses(case: Case, desks: list[Desk]) -> list[int]:
    path = acts.url(case.kind, case.key)
    pages = [{**desk.form(path), "reason": REASON, **case.answers(n)} for n, desk in enumerate(desks)]
    clicks = [click for desk, page in zip(desks, pages, strict=True) for click in twice(desk, path, page)]
    return at_once(clicks)


@pytest.mark.parametrize("case", ALONE, ids=named)
def test_of_all_who_press_at_once_one_act_is_done(case: Case, desks: list[Desk]) -> None:
    since = latest_entry()

    answers = everybody_presses(case, desks)

    assert case.done() == 1
    assert told(since) == [case.fact]
    assert set(answers) <= {200, 302, 403, 409}, "and nobody sees an error"
    assert not TwoPersonAct.objects.exists()


@pytest.mark.parametrize("case", BY_TWO, ids=named)
def test_of_all_who_ask_and_answer_at_once_one_act_is_done(case: Case, desks: list[Desk]) -> None:
    case.before()
    since = latest_entry()

    assert set(everybody_presses(case, desks)) <= {200, 302, 403, 409}

    row = TwoPersonAct.objects.get()
    assert (case.done(), told(since)) == (0, ["act.asked"])
    path = f"/admin/backoffice/twopersonact/{row.pk}/"
    pages = [{**desk.form(path), "decision": "confirm", "reason": ""} for desk in desks]
    clicks = [click for desk, page in zip(desks, pages, strict=True) for click in twice(desk, path, page)]

    answers = at_once(clicks)

    assert case.done() == 1
    assert told(since) == ["act.asked", case.fact, "act.confirmed"]
    assert set(answers) <= {302, 409}
    row.refresh_from_db()
    assert (row.state, row.confirmed_by_id != row.asked_by_id) == (ActState.CONFIRMED, True)


@pytest.mark.parametrize("case", [BY_TWO[0], BY_TWO[3]], ids=named)
def test_of_those_who_confirm_refuse_and_withdraw_at_once_one_is_heard(case: Case, desks: list[Desk]) -> None:
    case.before()
    since = latest_entry()
    path = acts.url(case.kind, case.key)
    desks[0].send(path, desks[0].form(path), reason=REASON, **case.answers(0))
    row = TwoPersonAct.objects.get()
    path = f"/admin/backoffice/twopersonact/{row.pk}/"
    pages = [
        {**desk.form(path), "decision": decision, "reason": "not what we agreed"}
        for desk, decision in zip(desks, ("withdraw", "confirm", "refuse"), strict=True)
    ]

    answers = at_once([click for n, page in enumerate(pages) for click in twice(desks[n], path, page)])

    row.refresh_from_db()
    ended = {
        ActState.WITHDRAWN: ["act.withdrawn"],
        ActState.REFUSED: ["act.refused"],
        ActState.CONFIRMED: [case.fact, "act.confirmed"],
    }
    assert told(since) == ["act.asked", *ended[ActState(row.state)]]
    assert case.done() == (row.state == ActState.CONFIRMED)
    assert set(answers) <= {302, 409}


def test_of_closing_and_opening_at_once_one_happens_and_the_other_looks_again(desks: list[Desk]) -> None:
    _tripped()
    Breaker.objects.update(cool_down_until=NOON)
    desks[0].act("breaker.close", V0, reason=REASON)
    row, since = TwoPersonAct.objects.get(), latest_entry()
    confirm, open_ = f"/admin/backoffice/twopersonact/{row.pk}/", acts.url("breaker.open", V0)
    pages = [
        (desks[1], confirm, {**desks[1].form(confirm), "decision": "confirm"}),
        (desks[2], open_, {**desks[2].form(open_), "reason": REASON}),
    ]

    answers = at_once([lambda page=page: page[0].client.post(*page[1:]) for page in pages])  # type: ignore[misc]

    state = Breaker.objects.get(scope=V0)
    if state.state == "closed":
        assert told(since) == ["breaker.closed", "act.confirmed"]
    else:
        assert (state.cause, told(since)) == ("opened_by_hand", ["breaker.opened"])
    assert Counter(answers) in (Counter([302, 409]), Counter([302, 403]))


def test_one_code_in_two_hands_counts_once(desks: list[Desk]) -> None:
    """Somebody who looked over a shoulder, at the same moment."""
    user = desks[0].user
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.force_login(user)
    code = world.code_of(user)
    pages = []
    for browser, kind, key in zip(browsers, ("killswitch.pull", "breaker.open"), ("global", V0), strict=True):
        path = acts.url(kind, key)
        given = {**Desk(user, browser).form(path), "reason": REASON, "code": code}
        pages.append((browser, path, given))

    answers = at_once([lambda page=page: page[0].post(*page[1:]) for page in pages])  # type: ignore[misc]

    assert sorted(answers) == [200, 302]
    assert len(told()) == 1
    assert TOTPDevice.objects.get(user=user).throttling_failure_count == 1


def test_who_asks_while_another_confirms_doesn_t_stop_it(
    desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The asker holds the subject and wants the act's row; who confirms must want them in the same order."""
    case = BY_TWO[0]
    case.before()
    path = acts.url(case.kind, case.key)
    forms = [desk.form(path) for desk in desks[:2]]
    desks[0].send(path, forms[0], reason=REASON)
    row, since = TwoPersonAct.objects.get(), latest_entry()
    answer = f"/admin/backoffice/twopersonact/{row.pk}/"
    confirmation = {**desks[2].form(answer), "decision": "confirm"}
    asker_has_subject, confirmer_wants_it = Event(), Event()
    act, expire = acts.of_kind(case.kind), second_person.expire
    lock = act.lock

    def locking(key: str) -> Any:
        if asker_has_subject.is_set():
            confirmer_wants_it.set()
        return lock(key)

    def expiring() -> int:
        asker_has_subject.set()
        assert confirmer_wants_it.wait(30)
        return expire()

    monkeypatch.setattr(act, "lock", locking)
    monkeypatch.setattr(second_person, "expire", expiring)

    def confirm() -> Any:
        assert asker_has_subject.wait(30)
        return desks[2].client.post(answer, confirmation)

    asked = lambda: desks[1].client.post(path, {**forms[1], "reason": REASON})  # noqa: E731
    assert at_once([asked, confirm]) == [409, 302]

    assert not killswitch.is_pulled()
    assert told(since) == ["killswitch.released", "act.confirmed"]
