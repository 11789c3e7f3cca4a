"""The treasury in a real browser: a QR code that is drawn, and figures that follow by themselves and grow old."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from playwright.sync_api import expect

from lucid_payments import clock
from payouts.models import ChainState, CompromisedKey, Sweep
from tests.browser.conftest import DESK, PHONE, Office

pytestmark = pytest.mark.browser

PAGE = "/admin/payouts/treasury/"
COLD = "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL"


def test_the_code_is_drawn_and_the_figures_follow(office: Office) -> None:
    page = office.page
    page.clock.install()
    office.log_in("auditor")
    office.follow(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Treasury"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Treasury")
    code = page.get_by_role("img", name="QR code of the address")
    code.evaluate("picture => picture.decode()")
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


def test_a_sweep_is_seen_where_the_money_is_and_on_its_own_page(office: Office) -> None:
    ChainState.objects.update(older_usdt=49_950_000_000)
    sweep = Sweep.objects.create(
        address=settings.TREASURY_ADDRESS, destination=COLD, cause="compromise", with_trx=True, begun_by="ann",
        reason="the signer's machine was broken into this night",
        detail="1 payout of this key is in flight, to land or to expire first.",
    )  # fmt: skip
    bytes_of = {
        "expiration_ms": 1_794_997_380_000,
        "raw_data": b"",
        "signed_transaction": b"x",
        "signed_at": clock.now(),
    }
    sweep.transfers.create(
        currency="USDT", txid="4e" * 32, amount=49_950_000_000, state="succeeded", block_number=70_000_090,
        result="SUCCESS", fee=13_373_500, sends=2, answers={"node1": "accepted", "node2": "duplicate"}, **bytes_of,
    )  # fmt: skip
    sweep.transfers.create(
        currency="USDT", txid="5f" * 32, amount=50_000_000, state="prepared", **bytes_of,
        refusal="The sweep goes to another address; the key's destination is another.",
    )  # fmt: skip
    page = office.page
    office.log_in("auditor")
    office.go(PAGE)
    expect(page.get_by_role("heading", name="Sweep under way")).to_be_visible()
    expect(page.get_by_text("Don't top it up now")).to_be_visible()
    office.follow(page.get_by_role("link", name="See the sweep"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Sweep {sweep.pk}")
    expect(page.get_by_text("Refused by the signer")).to_be_visible()
    expect(page.get_by_text("49,950.00 USDT").first).to_be_visible()
    for path in (PAGE, f"/admin/payouts/sweep/{sweep.pk}/", "/admin/payouts/sweep/"):
        office.go(path)
        assert office.axe() == []
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.set_viewport_size(DESK)  # type: ignore[arg-type]
    assert office.wrong == []


def test_an_open_page_leads_nobody_to_pay_to_a_key_that_others_know(office: Office) -> None:
    """It was opened before the declaration: the code goes with the next refresh, by itself."""
    page = office.page
    page.clock.install()
    office.log_in("auditor")
    office.go(PAGE)
    expect(page.get_by_role("img", name="QR code of the address")).to_be_visible()

    CompromisedKey.objects.create(
        address=settings.TREASURY_ADDRESS, declared_by="ann", reason="the signer's machine was broken into"
    )
    page.clock.run_for(10_000)

    expect(page.get_by_role("heading", name="Don’t send anything here")).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(0)
    expect(page.get_by_text("Top up")).to_have_count(0)
    assert office.axe() == []
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert office.wrong == []
