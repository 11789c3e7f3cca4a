"""The schedule's pages and its three acts: what people see, who may, and what it does."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import BACK_OFFICE, Role
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts
from payouts.admin import slot_outlook
from payouts.admin.slot_outlook import Outlook, Sum
from payouts.manager import PayoutManager
from payouts.models import Payout, PayoutSlot
from payouts.slots import totals
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import REASON, Desk
from tests.payouts.admin import world
from tests.payouts.slots.conftest import NOW, USDT, ask, its_slot, state, turn_at, utc
from tests.policies import set_limit

PATH = "/admin/payouts/payoutslot/"
ELEVEN = utc("2026-07-15T11:00")
KINDS = ("slot.pause", "slot.resume", "slot.cancel")


@pytest.fixture(autouse=True)
def always_fresh(settings: Any) -> None:
    settings.ESTIMATE_SECONDS = 0


@pytest.fixture
def desk(service: User) -> Desk:
    return people.desk(name="first")


def text(client: Client, path: str) -> str:
    page = client.get(path, follow=True).content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def everything() -> tuple[Any, ...]:
    rows = list(Payout.objects.order_by("pk").values()), list(PayoutSlot.objects.order_by("pk").values())
    return *rows, AuditEntry.objects.filter(action__startswith="slot.").count()


# What the limits will let through


def outlook_of(slot: PayoutSlot) -> Outlook:
    return slot_outlook.of([slot], totals.of([slot]), clock.now())[slot.pk]


def test_the_outlook_is_what_the_limits_let_through_by_the_hour(service: User) -> None:
    set_limit("V0_HOURLY_LIMIT", 10 * USDT)
    slot = its_slot(next(iter([ask(service, usdt=4) for _ in range(5)])))
    outlook = outlook_of(slot)
    hours = {ELEVEN + timedelta(hours=n): Sum(count, count * 4 * USDT) for n, count in enumerate((2, 2, 1))}
    assert (outlook.hours, outlook.undated, outlook.unseen) == (hours, Sum(), 0)
    assert outlook.at_once(ELEVEN) == Sum(2, 8 * USDT)
    assert outlook.later(ELEVEN) == Sum(3, 12 * USDT)
    columns, by_day = slot_outlook.drawn(outlook)
    assert [(one.starts_at.hour, one.sum.count, one.drawn.height) for one in columns] == [
        (11, 2, 120), (12, 2, 120), (13, 1, 60),
    ]  # fmt: skip
    assert not by_day


def test_a_long_outlook_is_drawn_by_the_day() -> None:
    hours = {ELEVEN + timedelta(hours=n): Sum(1, USDT) for n in (0, 1, 13, 60)}
    columns, by_day = slot_outlook.drawn(Outlook(hours, Sum(), 0))
    assert by_day
    assert [(one.starts_at.day, one.sum.count) for one in columns] == [(15, 2), (16, 1), (17, 1)]


def test_a_paused_slot_has_no_outlook_and_its_payouts_no_estimate(service: User, admin: User) -> None:
    slot = its_slot(ask(service))
    PayoutManager.pause_slot(slot.pk, actor=admin, reason="looking")
    outlook = outlook_of(slot)
    assert (outlook.hours, outlook.undated) == ({}, Sum(1, 5 * USDT))


# The pages


def test_the_schedule_shows_what_stands_in_each_open_slot_and_the_next_of_each_kind(
    desk: Desk, service: User
) -> None:
    set_limit("V0_HOURLY_LIMIT", 10 * USDT)
    for _ in range(3):
        ask(service, usdt=4)
    page = text(desk.client, PATH)
    assert "Hourly 2026-07-15 11:00 UTC ○ Gathering 3 12.00 12.00 8.00 4.00 0.00 2026-07-15 12:00 " in page
    assert "Daily 2026-07-16 00:00 UTC ○ Empty 0 0.00" in page
    assert "Weekly 2026-07-20 00:00 UTC ○ Empty 0 0.00" in page
    assert (
        "Of 12.00 USDT that aren't released, the limits let 8.00 go in its first hour and 4.00 later" in page
    )


def test_a_slot_s_page_leads_to_its_payouts_and_says_what_happens(desk: Desk, service: User) -> None:
    payout, other = ask(service), ask(service, "DAILY")
    slot = its_slot(payout)
    path = f"{PATH}{slot.pk}/"
    page = text(desk.client, path)
    assert (
        "5.00 USDT 1 payout ○ Gathering It takes in what is accepted for it, and is released in 40 min."
        in page
    )
    assert "Waits for its slot 1 5.00" in page
    assert "2026-07-15 11:00 1 5.00" in page
    listed = desk.client.get(f"/admin/payouts/payout/?slot={slot.pk}").content.decode()
    assert (payout.payout_id in listed, other.payout_id in listed) == (True, False)
    assert "doesn't exist" in text(desk.client, "/admin/payouts/payout/?slot=x")
    assert "the slot of 2026-07-15 11:00 UTC" in text(
        desk.client, f"/admin/payouts/payout/{payout.payout_id}/"
    )


def test_a_slot_that_is_over_shows_its_totals_and_no_button(desk: Desk, service: User) -> None:
    payout = ask(service)
    PayoutManager.cancel(payout, actor=service, reason="test")
    turn_at(ELEVEN + timedelta(hours=3))
    page = text(desk.client, f"{PATH}{its_slot(payout).pk}/")
    assert "✓ Done All of its payouts have ended. It was opened 3 h late." in page
    assert "Called off 1" in page
    assert "What can be done" not in page
    assert "Hourly 2026-07-15 11:00 UTC ✓ Done 1 5.00 USDT 0.00 USDT" in text(desk.client, PATH)


def test_the_pages_ask_as_often_for_many_as_for_few(desk: Desk, service: User) -> None:
    def statements() -> list[int]:
        counted = []
        for path in (PATH, f"{PATH}{PayoutSlot.objects.earliest('pk').pk}/"):
            with CaptureQueriesContext(connection) as queries:
                assert desk.client.get(path).status_code == 200
            counted.append(len(queries))
        return counted

    ask(service)
    statements()
    few = statements()
    for number in range(12):
        clock.freeze(NOW - timedelta(hours=number % 3))
        ask(service, ("HOURLY", "DAILY")[number % 2])
    clock.freeze(NOW)
    assert statements() == few


def test_no_slot_has_that_number(desk: Desk) -> None:
    for key in ("999", "x", "1" * 30):
        assert desk.client.get(f"{PATH}{key}/").status_code == 404
        assert desk.client.get(acts.url("slot.pause", key)).status_code == 404


# The acts


def test_one_administrator_pauses_resumes_and_cancels(desk: Desk, service: User) -> None:
    payout = ask(service)
    slot = its_slot(payout)
    page = text(desk.client, acts.url("slot.pause", slot.pk))
    assert "1 payout of 5.00 USDT waits until somebody resumes it." in page
    assert "What is accepted for 2026-07-15 11:00 UTC from now on waits with it." in page
    assert desk.act("slot.pause", slot.pk)["Location"] == f"{PATH}{slot.pk}/"
    assert (state(slot), state(payout)) == (("paused",), ("scheduled", "paused"))
    page = text(desk.client, f"{PATH}{slot.pk}/")
    assert "Paused by first" in page
    assert REASON in page
    desk.act("slot.resume", slot.pk)
    assert (state(slot), state(payout)) == (("gathering",), ("scheduled", "slot"))
    desk.act("slot.cancel", slot.pk)
    assert (state(slot), state(payout)) == (("cancelled",), ("cancelled", None))
    entries = AuditEntry.objects.filter(action__startswith="slot.").order_by("pk")
    told = [(entry.action, entry.actor, entry.details["reason"]) for entry in entries]
    assert told == [(f"slot.{word}", desk.user, REASON) for word in ("paused", "resumed", "cancelled")]
    found = desk.client.get(f"/admin/audit/auditentry/?q=slot-{slot.pk}").content.decode()
    assert all(f"slot.{word}" in found for word in ("paused", "resumed", "cancelled"))


def test_who_looked_before_somebody_else_acted_changes_nothing(desk: Desk, service: User) -> None:
    slot = its_slot(ask(service))
    path = acts.url("slot.cancel", slot.pk)
    form = desk.form(path)
    PayoutManager.pause_slot(slot.pk, actor=desk.user, reason="first")
    before = everything()
    assert "changed since you looked" in desk.send(path, form).content.decode()
    assert everything() == before


def test_what_joins_while_somebody_looks_doesn_t_keep_them_from_stopping_it(
    desk: Desk, service: User
) -> None:
    slot = its_slot(ask(service))
    path = acts.url("slot.cancel", slot.pk)
    form = desk.form(path)
    late = ask(service)
    desk.send(path, form)
    assert (state(slot), state(late)) == (("cancelled",), ("cancelled", None))


@pytest.mark.parametrize("role", sorted(BACK_OFFICE - {Role.ADMIN}))
def test_other_roles_see_the_buttons_refused_with_the_reason(service: User, role: Role) -> None:
    slot = its_slot(ask(service))
    desk = people.desk(role)
    before = everything()
    assert text(desk.client, f"{PATH}{slot.pk}/").count("doesn't do this") == len(KINDS)
    for kind in KINDS:
        path = acts.url(kind, slot.pk)
        desk.client.post(path, {"reason": REASON, "code": world.code_of(desk.user)})
    assert everything() == before
