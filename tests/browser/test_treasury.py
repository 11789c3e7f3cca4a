"""The treasury in a real browser: a QR code that is drawn, and figures that follow by themselves and grow old."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from lucid_payments import clock
from payouts.models import ChainState
from tests.browser.conftest import PHONE, Office

pytestmark = pytest.mark.browser

PAGE = "/admin/payouts/treasury/"


def test_the_code_is_drawn_and_the_figures_follow(office: Office) -> None:
    page = office.page
    page.clock.install()
    office.log_in("auditor")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Treasury").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Treasury")
    code = page.get_by_role("img", name="QR code of the address")
    page.wait_for_load_state("networkidle")
    assert code.evaluate("picture => picture.naturalWidth") > 200
    expect(page.get_by_text("1,200.00")).to_be_visible()
    assert office.axe() == []

    ChainState.objects.update(treasury_trx=7_000_000, treasury_read_at=clock.now() - timedelta(minutes=9))
    page.clock.run_for(10_000)

    expect(page.get_by_role("row", name="TRX 7.00")).to_be_visible()
    expect(page.get_by_text("These balances are old")).to_be_visible()
    assert office.axe() == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert office.wrong == []
