"""Break-glass: one person, one hour, once in 24 hours, before everybody's eyes, and reviewed by another person."""

from __future__ import annotations

import importlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, connections, transaction
from django.db.utils import DatabaseError

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts, notices
from lucid_payments.backoffice.models import TwoPersonAct
from lucid_payments.events.models import Event
from routers import limits
from routers.errors import Refused
from routers.limits import Claim, Slot, break_glass
from routers.models import BreakGlass, LimitWaiver, LimitWindow
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.policies import V0, administrators

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
HOUR = Slot("hour", NOON.replace(minute=0), "global", "")
KEY = "global@2026-07-15T12"
REASON = "three in the morning, and the ambulance must be paid"
BREAK, REVIEW = "limit.break_glass", "limit.break_glass_review"
PAGE = "/admin/routers/limitwindow/"


@pytest.fixture(autouse=True)
def switched_on(settings: Any) -> None:
    settings.BREAK_GLASS = True


@pytest.fixture
def full_hour(db: None) -> LimitWindow:
    clock.freeze(NOON)
    return LimitWindow.objects.create(
        scope="global", period="hour", starts_at=HOUR.starts_at, cap=1_000 * USDT, posted=900 * USDT
    )


@pytest.fixture
def first(full_hour: LimitWindow) -> Desk:
    return people.desk(name="first")


@pytest.fixture
def second(full_hour: LimitWindow) -> Desk:
    return people.desk(name="second")


def act(desk: Desk, key: str = KEY, **answers: str) -> Any:
    return desk.act(BREAK, key, **{"reason": REASON, "amount": "300", **answers})


def judge(desk: Desk, row: BreakGlass, **answers: str) -> Any:
    return desk.act(REVIEW, row.pk, **{"verdict": "justified", "reason": REASON, **answers})


def text(desk: Desk, path: str = PAGE) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", desk.client.get(path).content.decode()).split())


def nothing_happened() -> None:
    assert not BreakGlass.objects.exists()
    assert not LimitWindow.objects.exclude(waived=0).exists()
    assert not Event.objects.filter(type="limit.glass_broken").exists()


def broken(actor: User | None = None, amount: int = 300 * USDT) -> BreakGlass:
    return break_glass.break_glass(HOUR, amount, actor=actor or administrators()[0], reason=REASON)


def test_one_person_lets_one_hour_take_more_at_once(first: Desk, full_hour: LimitWindow) -> None:
    assert act(first)["Location"] == PAGE

    full_hour.refresh_from_db()
    assert (full_hour.waived, full_hour.free) == (300 * USDT, 400 * USDT)
    assert not TwoPersonAct.objects.exists()
    assert not LimitWaiver.objects.exists()
    claim = Claim(V0, "T1", 1, "admin", 1)
    assert (
        limits.room(NOON + timedelta(hours=1), [claim])
        .windows[Slot("hour", NOON.replace(hour=13, minute=0), "global", "")]
        .free
        == 1_000 * USDT
    ), "void in the next hour"


def test_it_is_loud(
    first: Desk, second: Desk, settings: Any, caplog: Any, django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.EMAIL_HOST = "mail.example"
    User.objects.filter(username="first").update(email="first@example.org")
    User.objects.filter(username="second").update(email="second@example.org")
    monkeypatch.setattr("lucid_payments.nudge.send_each", lambda task, **note: notices.mail_note(**note))

    with django_capture_on_commit_callbacks(execute=True):
        act(first)

    entry = AuditEntry.objects.get(action="limit.glass_broken")
    assert (entry.actor, entry.details["amount_usdt"], entry.details["reason"]) == (
        first.user,
        "300.00",
        REASON,
    )
    assert Event.objects.filter(type="limit.glass_broken").count() == 1
    assert "break-glass" in caplog.text
    assert sorted(message.to[0] for message in mail.outbox) == ["first@example.org", "second@example.org"]
    for message in mail.outbox:
        assert not {"first", "300", REASON} & set(message.body.split())
    for path in ("/admin/", PAGE, "/admin/audit/auditentry/"):
        page = text(second, path)
        assert "Break-glass in use" in page, path
        assert (
            "first alone let 300.00 USDT through on top: All payouts, hour from 2026-07-15 12:00" in page
        ), path


def test_the_page_says_what_it_means_to_act_alone(first: Desk) -> None:
    page = text(first, acts.url(BREAK, KEY))
    assert "You act alone." in page
    assert "Nobody can do this again within 24 hours." in page
    assert "Ask a second person" not in page


@pytest.mark.parametrize("off", [True, False], ids=["switched off", "used today"])
def test_it_is_refused_politely(first: Desk, second: Desk, settings: Any, off: bool) -> None:
    form = second.form(acts.url(BREAK, KEY))
    if off:
        settings.BREAK_GLASS = False
    else:
        row = broken()
        LimitWindow.objects.update(waived=0)
        words = f"admin-1 used it at {row.created_at:%Y-%m-%d %H:%M} UTC"
    answer = second.send(acts.url(BREAK, KEY), form, reason=REASON, amount="300")
    assert answer.status_code == 403
    page = answer.content.decode()
    if off:
        nothing_happened()
        assert "switched off (setting BREAK_GLASS)" in page
        assert "switched off (setting BREAK_GLASS)" in text(first)
    else:
        assert words in page
        assert BreakGlass.objects.count() == 1


def test_it_is_off_unless_somebody_switched_it_on() -> None:
    assert importlib.import_module("lucid_payments.settings").BREAK_GLASS is False


@pytest.mark.parametrize("role", ["payout_approver", "compliance_officer", "auditor"])
def test_another_role_is_refused(first: Desk, role: str) -> None:
    form = first.form(acts.url(BREAK, KEY))
    answer = people.desk(role).send(acts.url(BREAK, KEY), form, reason=REASON, amount="300")
    assert answer.status_code == 403
    nothing_happened()


@pytest.mark.parametrize("code", ["", "000000"], ids=["no code", "a wrong code"])
def test_nobody_does_it_without_a_fresh_factor(first: Desk, code: str) -> None:
    answer = act(first, code=code)
    assert answer.status_code == 200
    nothing_happened()


def test_neither_a_short_reason_nor_more_than_the_signer_signs_for(first: Desk) -> None:
    assert act(first, reason="no time").status_code == 200
    answer = act(first, amount="500.000001")
    assert answer.status_code == 409
    assert "manage.py signer caps --hourly" in answer.content.decode()
    nothing_happened()


def test_a_replayed_form_does_nothing_more(first: Desk, full_hour: LimitWindow) -> None:
    path = acts.url(BREAK, KEY)
    form = first.form(path)
    for _ in range(2):
        first.send(path, form, reason=REASON, amount="100")
    full_hour.refresh_from_db()
    assert (BreakGlass.objects.count(), full_hour.waived) == (1, 100 * USDT)


@pytest.mark.parametrize(
    "slot",
    [
        Slot("day", NOON.replace(hour=0, minute=0), "global", ""),
        Slot("day", NOON.replace(hour=0, minute=0), "recipient", f"{V0} T1"),
        Slot("hour", NOON.replace(hour=11, minute=0), "global", ""),
        Slot("hour", NOON.replace(hour=13, minute=0), "global", ""),
    ],
    ids=["a day", "a recipient", "the last hour", "the next hour"],
)
def test_it_is_for_an_hour_that_runs_alone(full_hour: LimitWindow, slot: Slot) -> None:
    with pytest.raises(Refused):
        break_glass.break_glass(slot, USDT, actor=administrators()[0], reason=REASON)
    nothing_happened()


def test_once_in_24_hours_to_the_microsecond(full_hour: LimitWindow) -> None:
    broken()
    almost = NOON + timedelta(hours=24) - timedelta(microseconds=1)
    for moment, allowed in ((almost, False), (NOON + timedelta(hours=24), True)):
        clock.freeze(moment)
        slot = Slot("hour", limits.starts_of(moment)["hour"], "router", V0)
        if allowed:
            break_glass.break_glass(slot, USDT, actor=administrators()[1], reason=REASON)
        else:
            with pytest.raises(Refused, match="once in 24 hours"):
                break_glass.break_glass(slot, USDT, actor=administrators()[1], reason=REASON)
    assert BreakGlass.objects.count() == 2


def test_of_two_at_once_one_wins(cloned_database: str) -> None:
    clock.freeze(NOON)
    people_there = administrators()

    def hurry(who: User) -> str:
        try:
            broken(who, 100 * USDT)
        except Refused as refused:
            return refused.code
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(2) as threads:
        won = list(threads.map(hurry, people_there))
    assert sorted(won) == ["break_glass", "done"]
    assert (BreakGlass.objects.count(), LimitWindow.objects.get().waived) == (1, 100 * USDT)


def test_another_person_reviews_it_when_its_hour_is_over(first: Desk, second: Desk) -> None:
    act(first)
    row = BreakGlass.objects.get()
    path = acts.url(REVIEW, row.pk)
    assert f"{row.review_due:%Y-%m-%d %H:%M}" == "2026-07-17 00:00", "by the end of the next day"
    assert "Its hour still runs: review it from 13:00 UTC on." in text(second, path)
    assert "waits for its review" not in text(second)

    clock.freeze(NOON + timedelta(hours=20))
    for desk in (first, second):
        page = text(desk, "/admin/")
        assert "Break-glass waits for its review" in page
        assert "by 2026-07-17 00:00 UTC" in page
        assert f'href="{path}"' in desk.client.get("/admin/").content.decode()
    assert "Who broke the glass doesn&#x27;t review it" in text(first, path)
    assert first.client.post(path).status_code == 403

    answer = judge(second, row, verdict="not_justified")

    assert answer["Location"] == PAGE
    row.refresh_from_db()
    assert (row.verdict, row.note, row.reviewer_label) == ("not_justified", REASON, "second")
    entry = AuditEntry.objects.get(action="limit.glass_reviewed")
    assert (entry.actor, entry.details["verdict"], entry.details["note"]) == (
        second.user,
        "not_justified",
        REASON,
    )
    assert "review" not in text(first, "/admin/").lower()
    again = judge(second, row)
    assert again.status_code == 403
    assert "second reviewed it: not justified." in again.content.decode()


def test_a_review_takes_a_verdict_and_a_reason(first: Desk, second: Desk) -> None:
    act(first)
    clock.freeze(NOON + timedelta(hours=1))
    row = BreakGlass.objects.get()
    for answers in ({"verdict": ""}, {"verdict": "fine"}, {"reason": "fine"}):
        assert judge(second, row, **answers).status_code == 200
    row.refresh_from_db()
    assert row.reviewed_at is None


def test_an_overdue_review_says_so_everywhere(first: Desk, second: Desk) -> None:
    act(first)
    clock.freeze(datetime(2026, 7, 17, 0, 0, 1, tzinfo=UTC))
    assert "Break-glass review overdue" in text(second, "/admin/")
    assert "Overdue" in text(second)


def test_the_database_keeps_what_was_done_whoever_writes(full_hour: LimitWindow) -> None:
    row = broken()
    rows = BreakGlass.objects.filter(pk=row.pk)
    one, other = administrators()
    again = {"window": full_hour, "amount": 1, "reason": REASON, "actor": other, "actor_label": "b"}
    for change in (
        lambda: rows.update(amount=1),
        lambda: rows.update(reason="another one entirely"),
        lambda: rows.update(again_at=NOON),
        rows.delete,
        lambda: rows.update(verdict="justified", reviewer=one, reviewed_at=NOON),
        lambda: rows.update(verdict="justified"),
        lambda: BreakGlass.objects.create(
            **again, created_at=NOON + timedelta(hours=23), ends_at=NOON, again_at=NOON + timedelta(hours=47)
        ),
    ):
        with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
            change()
    rows.update(verdict="justified", reviewer=other, reviewer_label="b", reviewed_at=NOON)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(verdict="not_justified")
