"""Setting up an account and acting by two, in a real browser."""

from __future__ import annotations

import re

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import expect

from lucid_payments.accounts import staff
from lucid_payments.accounts.models import User
from lucid_payments.backoffice.models import TwoPersonAct
from tests.browser.conftest import DESK, PHONE, Office
from tests.lucid_payments.backoffice.people import REASON
from tests.payouts.admin import world

pytestmark = pytest.mark.browser

STRONG = "seven green umbrellas at noon"


def check(office: Office, name: str) -> None:
    """Serious faults of this page, and whether it fits a phone."""
    assert office.axe() == [], name
    assert office.page.locator("h1").count() == 1, name
    office.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert office.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
    for target in office.page.locator("main button, main input:not([type=hidden]), main a.button").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44, (name, target)
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]


def leave(office: Office) -> None:
    office.follow(office.page.get_by_role("button", name="Log out"))


def test_a_new_person_sets_the_account_up(office: Office) -> None:
    rosa = world.user("payout_approver", second_factor=False, name="rosa")
    password = staff.one_time_password(rosa, actor=None)
    page = office.page

    office.users["rosa"] = rosa
    office.log_in("rosa", password)
    assert office.heading == "Change your password"
    check(office, "password")
    page.get_by_label("Present password").fill(password)
    page.get_by_label("New password", exact=True).fill(STRONG)
    page.get_by_label("New password, again").fill(STRONG)
    office.follow(page.get_by_role("button", name="Change it"))

    assert office.heading == "Set up your second factor"
    picture = page.get_by_alt_text("QR code of the key below")
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") > 100
    check(office, "enrol")
    page.get_by_label("6-digit code").fill("000000")
    office.follow(page.get_by_role("button", name="Enrol"))
    expect(page.get_by_text("This code is wrong.")).to_be_visible()
    TOTPDevice.objects.filter(user=rosa).update(throttling_failure_count=0, throttling_failure_timestamp=None)
    page.get_by_label("6-digit code").fill(world.code_of(rosa))
    office.follow(page.get_by_role("button", name="Enrol"))

    assert office.heading == "Your recovery codes"
    codes = page.locator("ol li").all_inner_texts()
    assert len({code for code in codes if re.fullmatch(r"[a-z2-9]{5}-[a-z2-9]{5}", code)}) == 10
    check(office, "codes")
    office.follow(page.get_by_role("link", name="I have them: go on"))
    assert office.heading == "Overview"
    office.follow(page.get_by_role("link", name="Second factor"))
    expect(page.get_by_text("10 of 10")).to_be_visible()
    check(office, "factor")
    leave(office)
    office.log_in("rosa", STRONG, codes[0])
    assert office.heading == "Overview"
    assert office.wrong == []


def test_an_account_is_made_by_two(office: Office) -> None:
    office.users["second"] = world.user("admin", name="second")
    page = office.page
    office.log_in("admin")
    office.follow(page.get_by_role("link", name="People", exact=True))
    check(office, "people")
    office.follow(page.get_by_role("link", name="Create an account"))
    check(office, "create")
    page.get_by_label("User name").fill("nina")
    page.get_by_label("Full name").fill("Nina Invented")
    page.get_by_label("E-mail").fill("nina@example.org")
    page.get_by_label("Role").select_option(label="Auditor")
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Ask a second person"))
    assert office.heading == "Waiting for a second person"
    check(office, "queue-asker")
    leave(office)

    office.log_in("second")
    check(office, "overview")
    office.follow(page.get_by_role("link", name="1 for you to answer"))
    check(office, "queue")
    office.follow(page.get_by_role("link", name="Create a staff account: nina"))
    check(office, "answer")
    assert not User.objects.filter(username="nina").exists()
    office.follow(page.get_by_role("button", name="Confirm"))
    assert office.heading == "nina"
    check(office, "person")
    leave(office)

    TOTPDevice.objects.filter(user=office.users["admin"]).update(last_t=-1)
    office.log_in("admin")
    nina = User.objects.get(username="nina")
    office.go(f"/admin/accounts/user/{nina.public_id}/")
    office.follow(page.get_by_role("link", name="Make the one-time password"))
    office.follow(page.get_by_role("button", name="Make the one-time password"))
    expect(page.get_by_text("It is shown this once")).to_be_visible()
    check(office, "secret")
    office.go(f"/admin/act/staff.deactivate/{nina.public_id}/")
    check(office, "confirm")
    office.go(f"/admin/backoffice/twopersonact/{TwoPersonAct.objects.get().pk}/")
    check(office, "answered")
    assert office.wrong == []
