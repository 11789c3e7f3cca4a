"""Lists and hits in a real browser: a list is uploaded by one and put in force by another, and a hit is decided."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import expect

from kyc.models import ListVersion, Moment, ScreeningCase
from kyc.screening import screen_address, staging
from lucid_payments import clock
from tests.browser.conftest import DESK, PHONE, Office
from tests.kyc.screening.lists import LINES, SDN, put_in_force, sdn_xml, stage, tron, twin

pytestmark = pytest.mark.browser

REASON = "compared with the publisher's page"


def check(office: Office) -> None:
    """No serious fault, and it fits a phone."""
    assert office.axe() == []
    office.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert office.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]


def test_a_list_is_uploaded_and_put_in_force_by_two(
    office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("django.conf.settings.SCREENING_LISTS", [LINES, SDN])
    listed = sdn_xml([(7, "Invented Exchange Lda", [("ETH", twin("third")), ("XBT", tron("exact"))])])
    put_in_force(stage(listed, SDN))
    file = tmp_path / "frozen.txt"
    file.write_text(f"# invented\n{tron('a')}\n{tron('b')}\nТ\u0416nonsense\n")
    page = office.page
    office.log_in("compliance_officer")
    office.follow(page.get_by_role("link", name="Sanctions lists").first)
    check(office)
    office.follow(page.get_by_role("link", name="Upload a version").first)
    check(office)
    page.get_by_label("The file").set_input_files(file)
    page.get_by_label("Its SHA-256").fill(hashlib.sha256(file.read_bytes()).hexdigest())
    page.get_by_label("Published on").fill(str(clock.now().date()))
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Upload it"))
    version = ListVersion.objects.get(list_name="frozen")
    assert staging.check(version.pk)
    office.reload()
    expect(page.get_by_role("button", name="Put it in force")).to_be_disabled()
    expect(page.get_by_role("region", name="Quarantined rows (1)").last).to_contain_text("line 4")
    check(office)
    office.follow(page.get_by_role("button", name="Log out"))
    office.log_in("admin")
    office.go(f"/admin/kyc/listversion/{version.pk}/")
    office.follow(page.get_by_role("link", name="Put it in force"))
    check(office)
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Put it in force"))
    version.refresh_from_db()
    assert version.state == "active"
    check(office)
    assert office.wrong == []


def test_a_hit_is_compared_and_cleared(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.SCREENING_LISTS", [SDN])
    put_in_force(
        stage(sdn_xml([(7, "Invented Exchange Lda", [("ETH", twin("t")), ("XBT", tron("e"))])]), SDN)
    )
    for word in ("e", "t"):
        screen_address(tron(word), moment=Moment.CREATION)
    case = ScreeningCase.objects.get(grade="twin")
    page = office.page
    office.log_in("compliance_officer")
    check(office)
    office.follow(page.get_by_role("link", name="2 hits"))
    check(office)
    office.follow(page.get_by_role("link", name=f"Case {case.pk}: The same key listed as a 0x address"))
    expect(page.get_by_role("region", name="Side by side").last).to_contain_text("Invented Exchange Lda")
    check(office)
    office.follow(page.get_by_role("link", name="Clear: it isn't them"))
    check(office)
    page.get_by_label("Why it isn't them").select_option("another_chain")
    page.get_by_label("Reason").fill(REASON)
    office.follow(page.get_by_role("button", name="Clear: it isn't them"))
    case.refresh_from_db()
    assert case.state == "cleared"
    assert office.wrong == []
