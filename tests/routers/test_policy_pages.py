"""Policies in the back office: reading versions, comparing two, and changing one by the form and its confirm page."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts, confirm, doing
from lucid_payments.backoffice.models import ActState, TwoPersonAct
from lucid_payments.events.models import Event
from routers import policy
from routers.models import GLOBAL, RouterPolicy
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.admin import world
from tests.policies import KYC, V0, set_policy

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
REASON = "prices have moved since the spring"
LIST = "/admin/routers/routerpolicy/"

pytestmark = pytest.mark.django_db

V0_ANSWERS = {
    "payout_minimum": "0.01", "payout_maximum": "200", "hourly_limit": "400", "daily_limit": "4,000",
    "recipient_limit": "300", "in_flight": "5", "fee_cap": "30",
    "batch_types": ["IMMEDIATE", "HOURLY", "DAILY", "WEEKLY"],
}  # fmt: skip
GLOBAL_ANSWERS = {
    "hourly_limit": "1000", "daily_limit": "10000", "in_flight": "10", "creator_limits_end_user": "200",
    "creator_limits_node_operator": "1000", "creator_limits_service": "8000", "creator_limits_admin": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_noon() -> None:
    clock.freeze(NOON)


@pytest.fixture
def first() -> Desk:
    return people.desk(name="first")


@pytest.fixture
def second() -> Desk:
    return people.desk(name="second")


def answers(scope: str, **changed: Any) -> dict[str, Any]:
    return {**(GLOBAL_ANSWERS if scope == GLOBAL else V0_ANSWERS), **changed}


def send(desk: Desk, scope: str, step: str = "", form: dict[str, str] | None = None, **changed: Any) -> Any:
    """Fill the form in and press a button: `step` review, edit, or none to do it."""
    path = acts.url("policy.change", scope)
    given = answers(scope, **changed)
    return desk.send(path, form or desk.form(path), **{"reason": REASON, "step": step, **given})


def said(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def versions(scope: str = V0) -> int:
    return RouterPolicy.objects.filter(scope=scope).count()


def held(count: int, amount: int, router: str = V0, **changes: Any) -> None:
    service = world.user("service", name=f"service-{router}-{amount}")
    for number in range(count):
        world.payout(
            service, hold="hourly_limit", amount=amount, router_type=router, due_at=NOON - timedelta(minutes=5),
            recipient_address=f"T{number}", **changes,
        )  # fmt: skip


def test_the_page_shows_what_is_in_force(first: Desk) -> None:
    set_policy(V0, hourly_limit=350 * USDT, reason="a quiet month")

    page = said(first.client.get(LIST))

    assert "Router V0 Version 2 , in force since" in page
    assert (
        "Per hour 350.00 USDT Per day 4,000.00 USDT Per recipient and day 300.00 USDT In flight 5 payouts"
        in page
    )
    assert (
        "Per creator and day: service 8,000.00 USDT Per creator and day" in page
        or "service 8,000.00 USDT" in page
    )
    assert "administrator no cap" in page
    assert "at most 1,500.00 USDT in one hour and 15,000.00 USDT in one day" in page
    assert "Router V0, version 2" in page
    assert "a quiet month" in page


def test_two_versions_stand_side_by_side_and_differences_in_words(first: Desk) -> None:
    set_policy(V0, hourly_limit=350 * USDT, in_flight=9)
    latest = set_policy(V0, batch_types=["DAILY"])

    before = said(first.client.get(f"{LIST}{latest.pk}/"))
    assert "Version 2 and version 3 side by side" in before
    assert "Batch types Immediate, Hourly, Daily, Weekly Daily ✓ tightens" in before
    assert "Per hour (USDT) 350.00 350.00 same" in before

    page = said(first.client.get(f"{LIST}{latest.pk}/?beside=1"))
    assert "Per hour (USDT) 400.00 350.00 ✓ tightens" in page
    assert "In flight (payouts) 5 9 ◷ loosens" in page
    assert "Per day (USDT) 4,000.00 4,000.00 same" in page
    for wrong in ("3", "9", "x", ""):
        assert first.client.get(f"{LIST}{latest.pk}/?beside={wrong}").status_code == 404


def test_the_first_version_stands_alone(first: Desk) -> None:
    page = said(first.client.get(f"{LIST}{RouterPolicy.objects.get(scope=GLOBAL).pk}/"))
    assert "Per hour (USDT) 1,000.00" in page
    assert "In force" in page


@pytest.mark.parametrize("role", ["auditor", "payout_approver", "compliance_officer"])
def test_others_read_and_change_nothing(first: Desk, role: str) -> None:
    other = people.desk(role)
    page = other.client.get(LIST).content.decode()
    assert "/admin/act/" not in page
    assert "doesn&#x27;t do this." in page

    answer = send(other, V0, form=first.form(acts.url("policy.change", V0)), hourly_limit="300")

    assert (answer.status_code, versions()) == (403, 1)


def test_the_form_says_what_each_field_means_and_holds_what_is_in_force(first: Desk) -> None:
    page = first.client.get(acts.url("policy.change", V0)).content.decode()

    assert "What one address may be paid through this router in one day (UTC)." in page
    assert "Per hour (USDT)" in page
    assert 'value="400.00"' in page
    assert page.count('type="checkbox"') == page.count(" checked") == 4
    assert "Show what it changes" in page
    assert "Change the policy" not in page, "not before it was looked at"


def test_what_only_tightens_counts_at_once_and_is_shown_before(first: Desk) -> None:
    tighter: dict[str, Any] = {"hourly_limit": "350", "batch_types": ["IMMEDIATE", "DAILY"]}
    shown = send(first, V0, "review", **tighter)

    page = said(shown)
    assert "Per hour (USDT) 400.00 350.00 tightens" in page
    assert "Batch types Immediate, Hourly, Daily, Weekly Immediate, Daily tightens" in page
    assert "Per day" not in page.partition("What changes")[2]
    assert "It only tightens: version 2 is in force at once" in page
    assert "Change the policy" in page
    assert versions() == 1

    done = send(
        first,
        V0,
        form=people.hidden(shown.content.decode()),
        hourly_limit="350",
        batch_types=["IMMEDIATE", "DAILY"],
    )

    after = policy.current().routers[V0]
    assert done["Location"] == f"{LIST}{after.pk}/"
    assert (after.version, after.hourly_limit, after.batch_types) == (2, 350 * USDT, ["IMMEDIATE", "DAILY"])
    assert (after.author, after.second, after.reason, after.loosens) == (first.user, None, REASON, False)
    assert AuditEntry.objects.filter(action="policy.changed").count() == 1
    assert Event.objects.get().type == "policy.changed"


def test_what_loosens_anything_waits_for_a_second_administrator(first: Desk, second: Desk) -> None:
    page = said(send(first, V0, "review", hourly_limit="500", daily_limit="3900"))
    assert 'It loosens "Per hour": version 2 is in force when a second administrator confirms.' in page
    assert "Ask a second person" in page

    send(first, V0, hourly_limit="500", daily_limit="3900")
    row = TwoPersonAct.objects.get()
    assert versions() == 1
    asked = said(second.client.get(f"/admin/backoffice/twopersonact/{row.pk}/"))
    assert "Per hour (USDT) 400.00 500.00 loosens" in asked
    assert "Per day (USDT) 4,000.00 3,900.00 tightens" in asked

    done = second.answer(row.pk, "confirm", reason="")

    after = policy.current().routers[V0]
    assert done["Location"] == f"{LIST}{after.pk}/"
    assert (after.version, after.hourly_limit, after.daily_limit) == (2, 500 * USDT, 3_900 * USDT)
    assert (after.author, after.second, after.loosens) == (first.user, second.user, True)
    assert [event.type for event in Event.objects.order_by("pk")] == [
        "act.asked", "policy.changed", "act.confirmed",
    ]  # fmt: skip


def test_caps_of_creators_by_role_and_no_cap_for_an_empty_one(first: Desk, second: Desk) -> None:
    changed: dict[str, Any] = {
        "creator_limits_end_user": "150.5",
        "creator_limits_service": "",
        "creator_limits_admin": "50",
    }
    page = said(send(first, GLOBAL, "review", **changed))
    assert "Per creator and day: end user (USDT) 200.00 150.50 tightens" in page
    assert "Per creator and day: service (USDT) 8,000.00 no cap loosens" in page
    assert "Per creator and day: administrator (USDT) no cap 50.00 tightens" in page

    send(first, GLOBAL, **changed)
    second.answer(TwoPersonAct.objects.get().pk, "confirm", reason="")

    limits = policy.current().everybody.creator_limits
    assert limits == {"end_user": 150_500_000, "node_operator": 1_000 * USDT, "admin": 50 * USDT}


class TestFigures:
    """Before the button is pressed, the page says what becomes of payouts that wait."""

    def test_how_many_go(self, first: Desk) -> None:
        held(9, 60 * USDT)

        page = said(send(first, V0, "review", hourly_limit="480"))

        assert "2 held payouts, 120.00 USDT will go now" in page

    def test_how_many_wait_and_how_many_never_fit(self, first: Desk) -> None:
        held(3, 90 * USDT)
        held(2, 190 * USDT)

        page = said(send(first, V0, "review", hourly_limit="180", payout_maximum="150"))

        assert "could go now and will wait" in page
        assert "2 accepted payouts, 380.00 USDT, are above the new limits and could never fit" in page
        assert "New orders above 150.00 USDT are refused (LUCID_ERR_2002)." in page

    def test_those_that_aren_t_due_or_wait_for_approval_count_too(self, first: Desk) -> None:
        world.payout(world.user("end_user"), amount=150 * USDT, due_at=NOON + timedelta(days=3))

        page = said(send(first, GLOBAL, "review", creator_limits_end_user="149.999999"))

        assert "1 accepted payout, 150.00 USDT, is above the new limits and could never fit" in page

    def test_nothing_happens_to_nobody(self, first: Desk) -> None:
        assert "No held payout goes or waits because of it now." in said(
            send(first, V0, "review", fee_cap="20")
        )


@pytest.mark.parametrize(("scope", "changed", "sentence"), [
    (V0, {"payout_maximum": "300.000001"}, "It would never fit the recipient limit"),
    (V0, {"daily_limit": "400"}, "A day&#x27;s limit at or below an hour&#x27;s"),
    (V0, {"hourly_limit": "lots"}, "plain decimal number"),
    (V0, {"hourly_limit": "1e3"}, "plain decimal number"),
    (V0, {"hourly_limit": "-1"}, "plain decimal number"),
    (V0, {"hourly_limit": ""}, "This field is required"),
    (V0, {"in_flight": "2.5"}, "whole number"),
    (V0, {"batch_types": ["MONTHLY"]}, "MONTHLY is not one of the available choices"),
    (V0, {}, "That is the policy in force."),
    (GLOBAL, {"hourly_limit": "999"}, "would never fit: lower that first"),
    (GLOBAL, {"hourly_limit": "1500.000001"}, "manage.py signer caps --hourly"),
    (GLOBAL, {"daily_limit": "15000.01"}, "manage.py signer caps --daily"),
    (V0, {"daily_limit": "15000.01"}, "manage.py signer caps --daily"),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("step", ["review", ""])
def test_what_can_t_be_is_said_at_its_field_and_nothing_happens(
    first: Desk, scope: str, changed: dict[str, Any], sentence: str, step: str
) -> None:
    answer = send(first, scope, step, **changed)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert sentence in page
    assert "Show what it changes" in page
    assert (versions(scope), TwoPersonAct.objects.count()) == (1, 0)


def test_a_cap_that_was_above_the_signers_may_stay_or_go_down(first: Desk, settings: Settings) -> None:
    settings.SIGNER_HOURLY_CAP = 300 * USDT

    assert "tightens" in said(send(first, V0, "review", hourly_limit="399"))
    assert "manage.py signer caps --hourly" in said(send(first, V0, "review", hourly_limit="401"))


@pytest.mark.parametrize("step", ["review", ""])
def test_a_page_of_an_older_version_changes_nothing_and_keeps_what_was_typed(first: Desk, step: str) -> None:
    form = first.form(acts.url("policy.change", V0))
    set_policy(V0, recipient_limit=250 * USDT)

    answer = send(first, V0, step, form=form, hourly_limit="350")

    page = answer.content.decode()
    assert answer.status_code == 409
    assert doing.CHANGED in page
    assert REASON in page
    assert 'value="350"' in page
    assert "250.00 USDT" in page, "as it is by now"
    assert versions() == 2
    again = send(first, V0, "review", form=people.hidden(page), hourly_limit="350")
    assert "Per hour (USDT) 400.00 350.00 tightens" in said(again)
    assert "Per recipient and day (USDT) 250.00 300.00 loosens" in said(again)


def test_a_proposal_made_of_an_older_version_can_t_be_confirmed(first: Desk, second: Desk) -> None:
    send(first, V0, hourly_limit="500")
    row = TwoPersonAct.objects.get()
    set_policy(V0, recipient_limit=250 * USDT)

    answer = second.answer(row.pk, "confirm")

    assert answer.status_code == 409
    assert "Refuse it, and ask anew." in answer.content.decode()
    row.refresh_from_db()
    assert (row.state, versions()) == (ActState.ASKED, 2)


def test_a_proposal_that_another_policy_contradicts_by_now_is_refused(first: Desk, second: Desk) -> None:
    send(first, V0, payout_maximum="300")
    row = TwoPersonAct.objects.get()
    set_policy(GLOBAL, hourly_limit=250 * USDT)

    page = second.client.get(f"/admin/backoffice/twopersonact/{row.pk}/").content.decode()
    assert "As things are now it would be refused." in page
    assert second.answer(row.pk, "confirm").status_code == 409
    assert versions() == 1


def test_back_to_the_figures_keeps_them(first: Desk) -> None:
    page = send(first, V0, "edit", hourly_limit="350").content.decode()

    assert 'value="350"' in page
    assert REASON in page
    assert "Show what it changes" in page
    assert versions() == 1


def test_a_replayed_post_makes_one_version(first: Desk) -> None:
    form = first.form(acts.url("policy.change", V0))
    send(first, V0, form=form, hourly_limit="350")
    set_policy(V0, hourly_limit=400 * USDT)

    send(first, V0, form=form, hourly_limit="350")

    assert confirm.DONE_ALREADY in first.client.get(LIST).content.decode()
    assert versions() == 3


@pytest.mark.parametrize("wrong", [{"reason": "short"}, {"code": "000000"}, {"code": ""}])
def test_without_reason_or_factor_nothing_happens(first: Desk, wrong: dict[str, Any]) -> None:
    answer = send(first, V0, hourly_limit="350", **wrong)

    assert (answer.status_code, versions()) == (200, 1)
    assert "Change the policy" in answer.content.decode()


@pytest.mark.parametrize("path", ["PayoutRouterV9", "new", "global@1"])
def test_what_there_is_not_is_not_found(first: Desk, path: str) -> None:
    assert first.client.get(acts.url("policy.change", path)).status_code == 404


def test_a_payout_leads_to_the_version_it_was_judged_by(first: Desk) -> None:
    old = RouterPolicy.objects.get(scope=KYC)
    payout = world.payout(world.user("service"), router_type=KYC, policy_version=old)
    set_policy(KYC, hourly_limit=900 * USDT)

    page = first.client.get(f"/admin/payouts/payout/{payout.payout_id}/").content.decode()

    assert f'href="{LIST}{old.pk}/">version 1 of its policy</a>' in page
