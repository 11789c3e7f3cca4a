"""The pages on people's own data, in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.conftest import DESK, PHONE, Office
from tests.kyc import desk

pytestmark = pytest.mark.browser


def check(office: Office) -> None:
    for size in (DESK, PHONE):
        office.page.set_viewport_size(size)  # type: ignore[arg-type]
        assert office.axe() == []
        width = office.page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"]
    assert office.wrong == []


def test_an_officer_restricts_and_hands_over_what_is_held(office: Office) -> None:
    record = desk.approved()
    office.log_in("compliance_officer")
    office.go("/admin/kyc/personsdata/")
    check(office)
    office.follow(office.page.get_by_role("link", name=record.public_id))
    check(office)
    office.follow(office.page.get_by_role("link", name="Restrict", exact=True))
    check(office)
    office.page.get_by_label("Reason").fill("Letter of 3 July.")
    office.follow(office.page.get_by_role("main").get_by_role("button", name="Restrict"))
    assert "Restricted." in office.page.content()
    office.follow(office.page.get_by_role("link", name="Hand over what is held"))
    check(office)
    office.page.get_by_label("Reason").fill("Letter of 3 July.")
    with office.page.expect_download() as handed:
        office.page.get_by_role("button", name="Make the file").click()
    assert handed.value.suggested_filename == f"{record.public_id}.zip"


def test_an_auditor_is_handed_a_case_s_archive_and_says_what_for(office: Office) -> None:
    record = desk.approved()
    office.log_in("auditor")
    office.go(f"/admin/kyc/kycrecord/{record.public_id}/")
    office.follow(office.page.get_by_role("link", name="Archive of this case"))
    check(office)
    office.page.get_by_label("Reason").fill("The yearly audit.")
    with office.page.expect_download() as handed:
        office.page.get_by_role("button", name="Make the file").click()
    assert handed.value.suggested_filename == f"{record.public_id}.zip"
