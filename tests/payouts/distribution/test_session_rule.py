"""The session rule: versions by two people, paused by one, and its pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lucid_payments.audit.models import AuditEntry
from payouts.acts.session_rule import KEY
from payouts.distribution import session_rules
from payouts.distribution.session_payments import pay_waiting
from payouts.distribution.session_rules import RuleRefused
from payouts.models import SessionPayment, SessionRule
from tests.lucid_payments.backoffice.people import Desk, desk
from tests.payouts.approvals.test_pages import words
from tests.payouts.distribution import session_world as world
from tests.payouts.distribution.session_world import USDT
from tests.policies import administrators

ANSWERS = {"amount_per_credit": "0.50", "minimum": "1", "router_type": "", "batch_type": "HOURLY"}


def change(second: bool = True, **values: Any) -> SessionRule:
    first, other = administrators()
    before = session_rules.in_force()
    return session_rules.change(
        values, base_version=before.version, actor=first, second=other if second else None, reason="a test"
    )


def refused(code: str, **values: Any) -> None:
    before = SessionRule.objects.count()
    with pytest.raises(RuleRefused) as error:
        change(**values)
    assert error.value.code == code
    assert SessionRule.objects.count() == before


def test_it_starts_paused_and_without_a_price(db: None) -> None:
    rule = session_rules.in_force()
    assert (rule.version, rule.is_running, rule.amount_per_credit, rule.account) == (1, False, 0, None)
    refused("whole", is_running=True)
    refused("whole", is_running=True, amount_per_credit=1)
    refused("nothing", is_running=False)
    refused("amounts", minimum=9_999)
    refused("account", account=world.account("person", "end_user").pk)


def test_one_pauses_it_and_two_do_everything_else(db: None) -> None:
    refused("alone", amount_per_credit=USDT, second=False)
    world.set_rule()
    refused("alone", is_running=False, amount_per_credit=USDT, second=False)
    paused = change(is_running=False, second=False)
    assert (paused.version, paused.is_running, paused.amount_per_credit) == (3, False, USDT // 2)
    refused("alone", is_running=True, second=False)
    assert AuditEntry.objects.filter(action="session_rule.changed").count() == 2


def test_the_database_holds_the_same(db: None) -> None:
    """Whoever writes: a running rule, a price or an account by one person alone, or by one person twice."""
    running = world.set_rule()
    first, _ = administrators()
    columns = {
        "version": 3, "is_running": False, "amount_per_credit": running.amount_per_credit,
        "minimum": running.minimum, "batch_type": "IMMEDIATE", "account": running.account, "author": first,
        "reason": "x",
    }  # fmt: skip
    for bad in (
        {"is_running": True}, {"amount_per_credit": 9}, {"minimum": 10_000}, {"account": None}, {"second": first},
        {"version": 9},
    ):  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            SessionRule.objects.create(**{**columns, **bad})
    SessionRule.objects.create(**columns)


def test_it_is_changed_on_its_page_by_two_and_paused_by_one(db: None) -> None:
    first, second = desk("admin", name="one"), desk("admin", name="two")
    assert "Paused Version 1" in words(first.client.get("/admin/payouts/sessionrule/"))
    answers = {**ANSWERS, "is_running": "on", "account": str(world.account("payer").pk)}
    reviewed = first.act("session_rule.change", KEY, step="review", **answers)
    assert "Amount per credit (USDT) no price yet 0.50" in words(reviewed)
    first.act("session_rule.change", KEY, **answers)
    assert not session_rules.in_force().is_running
    answer_it(second)
    rule = session_rules.in_force()
    assert (rule.is_running, rule.author, rule.second) == (True, first.user, second.user)
    assert "payer" in words(first.client.get(f"/admin/payouts/sessionrule/{rule.pk}/"))
    first.act("session_rule.change", KEY, **{**answers, "is_running": ""})
    paused = session_rules.in_force()
    assert (paused.version, paused.is_running, paused.second) == (3, False, None)


def answer_it(person: Desk) -> None:
    from lucid_payments.backoffice import second_person

    (waiting,) = second_person.waiting()
    person.answer(waiting.pk, "confirm")


def test_a_session_s_page_says_what_became_of_it_and_what_was_corrected(db: None) -> None:
    world.set_rule()
    world.wallet()
    first = world.tell()
    pay_waiting()
    world.tell(sessions_relayed=20, corrects=first)
    office = desk("admin")
    assert "session-1" in words(office.client.get("/admin/payouts/sessionpayment/?state=asked"))
    page = words(office.client.get("/admin/payouts/sessionpayment/session-1/"))
    assert "it is worth 10.00 USDT; 6.00 USDT was asked for" in page
    assert "It doesn't wait any more." in page


def test_what_waits_is_left_to_the_month_by_one_person(db: None) -> None:
    world.set_rule()
    world.tell()
    pay_waiting()
    office = desk("admin")
    assert "no wallet of node node-1" in words(office.client.get("/admin/payouts/sessionpayment/session-1/"))
    office.act("session_payment.leave", "session-1")
    row = SessionPayment.objects.get()
    assert (row.state, row.note) == ("left", f"Left by {office.user.get_username()}.")
    assert AuditEntry.objects.get(action="session_payment.left").details["session"] == "session-1"
    office.act("session_payment.leave", "session-1")
    assert AuditEntry.objects.filter(action="session_payment.left").count() == 1


def test_an_auditor_reads_it_and_changes_nothing(db: None) -> None:
    world.set_rule()
    world.tell()
    auditor = desk("auditor")
    for page in ("sessionrule/", "sessionpayment/", "sessionpayment/session-1/"):
        assert auditor.client.get(f"/admin/payouts/{page}").status_code == 200
    assert auditor.send("/admin/acts/session_rule.change/sessions/", {}, **ANSWERS).status_code in (403, 404)
    assert auditor.client.get("/admin/payouts/sessionpayment/a%00b/").status_code == 404
