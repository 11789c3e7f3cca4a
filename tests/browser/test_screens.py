"""The pages that the three days don't pass: lists and hits, attestations, wallets, the address book, people's data."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from kyc import screening
from kyc.addressbook import changing as book
from kyc.models import Moment, ScreeningCase
from kyc.wallets import changing as wallets
from kyc.wallets.changing import Owner
from lucid_payments.accounts.models import User
from tests.browser.conftest import Office
from tests.browser.looking import check
from tests.kyc import attestations, desk
from tests.kyc.screening.lists import LINES, SDN, put_in_force, sdn_xml, stage, tron, twin

pytestmark = [pytest.mark.browser, pytest.mark.prove]

PARTY = "Invented Exchange Lda"


def hits() -> ScreeningCase:
    """Two lists, a third version that waits to be put in force, and two addresses that were met."""
    listed = [(7, PARTY, [("ETH", twin("third")), ("XBT", tron("exact"))])]
    put_in_force(stage(sdn_xml(listed), SDN))
    put_in_force(stage(f"# invented\n{tron('a')}\n{tron('b')}\n".encode(), LINES))
    stage(f"# invented\n{tron('a')}\n{tron('b')}\n{tron('c')}\nТ\u0416nonsense\n".encode(), LINES)
    for word in ("exact", "third"):
        screening.screen_address(tron(word), moment=Moment.CREATION)
    return ScreeningCase.objects.get(grade="twin")


def test_each_of_them_is_whole_and_fits_a_phone(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.SCREENING_LISTS", [LINES, SDN])
    case = hits()
    first, second = desk.officer("first"), desk.officer("second")
    record = desk.approved(first)
    node = attestations.attest("node-amsel-1").node
    recipient = User.objects.get(username="end_user")
    wallets.confirm(Owner(user=recipient), actor=first, confirmer=second, address=tron("wallet"), evidence={})
    book.add(address=tron("exchange"), name="Exchange", actor=first, evidence={})
    office.log_in("compliance_officer")
    page = office.page
    seen = {
        "screening-hits": "/admin/kyc/screeningcase/",
        "screening-hit": f"/admin/kyc/screeningcase/{case.pk}/",
        "screening-lists": "/admin/kyc/listversion/",
        "screening-list": f"/admin/kyc/listversion/{case.entry.in_force_id}/",
        "attestations-awaiting": "/admin/kyc/awaitingattestation/",
        "attestations": "/admin/kyc/attestation/",
        "attestations-keys": "/admin/kyc/authoritykey/",
        "wallets": "/admin/kyc/wallet/",
        "address-book": "/admin/kyc/addressentry/",
        "personal-data": f"/admin/kyc/personsdata/{record.public_id}/",
    }
    for name, path in seen.items():
        office.go(path)
        check(office, name)
    office.go("/admin/kyc/attestation/")
    expect(page.get_by_role("main")).to_contain_text(node.node_id)
    assert office.wrong == []
