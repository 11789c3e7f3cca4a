"""Reconciliation's pages in a real browser: readable for everybody, and the report without JavaScript."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lucid_payments.backoffice import acts
from payouts import ledger
from tests.browser.conftest import DESK, PHONE, Office
from tests.payouts.admin import compared, world

pytestmark = pytest.mark.browser
RUNS, CASES = "/admin/payouts/reconciliationrun/", "/admin/payouts/reconciliationcase/"


def test_a_run_and_its_cases(office: Office, tmp_path: Path) -> None:
    ledger.book_inflow(25_000 * compared.USDT, note="first deposit")
    compared.run("inconclusive", detail="Nodes differ about the balance at block 70,000,011.")
    compared.run()
    run = compared.run("differences", detail="4 open cases", searched=True)
    paid = world.attempt(world.payout(office.users["service"], "confirmed"), "succeeded")
    cases = [
        compared.stolen(run),
        compared.fee_differs(run, paid),
        compared.missing(run),
        compared.balance(run),
    ]
    office.log_in("admin")
    pages = {
        "list": RUNS,
        "run": f"{RUNS}{run.pk}/",
        "cases": CASES,
        **{f"case-{case.kind}": f"{CASES}{case.pk}/" for case in cases},
        "ask": acts.url("reconciliation.run"),
        "explain": acts.url("reconciliation.explain", cases[2].pk),
    }
    shots = os.environ.get("SCREENSHOTS", "")
    for name, path in pages.items():
        for width in (DESK, PHONE):
            office.page.set_viewport_size(width)  # type: ignore[arg-type]
            office.go(path)
            assert office.axe() == [], name
            assert office.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
            if shots:
                office.page.screenshot(path=f"{shots}/{name}-{width['width']}.png", full_page=True)
    office.go(pages["run"])
    with office.page.expect_download() as download:
        office.page.get_by_role("button", name="Download as CSV").click()
    download.value.save_as(tmp_path / "report.csv")
    assert compared.STOLEN in (tmp_path / "report.csv").read_text()
    assert office.wrong == []
