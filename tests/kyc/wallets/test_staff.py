"""Two people vouch for a wallet, one takes it away; the pages that show it."""

from __future__ import annotations

from typing import Any

import pytest

from kyc import wallets
from kyc.models import ScreeningCase, Wallet
from kyc.wallets import changing
from kyc.wallets.changing import Owner
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice.models import TwoPersonAct
from lucid_payments.events.models import Event
from tests.kyc.attestations import attest
from tests.kyc.screening.lists import put_in_force, stage
from tests.kyc.wallets.signing import ADDRESSES
from tests.lucid_payments.backoffice.people import desk

pytestmark = pytest.mark.django_db


def asked(**changes: str) -> dict[str, str]:
    return {"whose": "user", "name": "paid", "address": ADDRESSES[0], **changes}


@pytest.fixture
def paid() -> User:
    return User.objects.create_user("paid", role="end_user")


def test_two_officers_set_a_wallet(paid: User) -> None:
    first, second = desk("compliance_officer"), desk("compliance_officer", name="second")
    assert first.act("wallet.set", "new", **asked()).status_code == 302
    assert not Wallet.objects.exists()
    number = TwoPersonAct.objects.get().pk

    assert first.answer(number, "confirm").status_code == 409
    assert not Wallet.objects.exists()
    assert second.answer(number, "confirm").status_code == 302

    wallet = Wallet.objects.get()
    assert (wallet.user, wallet.proof, wallet.added_by, wallet.confirmed_by) == (
        paid, "confirmed", first.user, second.user,
    )  # fmt: skip
    assert wallets.of_user(paid.pk) is None
    assert AuditEntry.objects.get(action="wallet.set").details["confirmed_by"] == "second"
    assert Event.objects.filter(type="wallet.changed", owner=paid).count() == 1


def test_a_refused_wallet_is_none(paid: User) -> None:
    desk("compliance_officer").act("wallet.set", "new", **asked())
    number = TwoPersonAct.objects.get().pk
    desk("admin").answer(number, "refuse", reason="this isn't the address they gave")
    assert not Wallet.objects.exists()


def test_a_list_that_came_meanwhile_refuses_it_at_the_confirmation_and_keeps_the_case(paid: User) -> None:
    first, second = desk("compliance_officer"), desk("compliance_officer", name="second")
    first.act("wallet.set", "new", **asked())
    put_in_force(stage(ADDRESSES[0].encode()))
    answer = second.answer(TwoPersonAct.objects.get().pk, "confirm")
    assert answer.status_code == 302
    assert "Not set: this address isn" in second.client.get(answer["Location"]).content.decode()
    assert not Wallet.objects.exists()
    assert not AuditEntry.objects.filter(action="wallet.set").exists()
    case = ScreeningCase.objects.get()
    assert (case.subject, case.encounters.get().moment) == (ADDRESSES[0], "registration")


def test_a_node_s_wallet_is_set_so_too() -> None:
    attest("node-1")
    first, second = desk("compliance_officer"), desk("admin")
    first.act("wallet.set", "new", **asked(whose="node", name="node-1"))
    second.answer(TwoPersonAct.objects.get().pk, "confirm")
    assert Wallet.objects.get(node__node_id="node-1").address == ADDRESSES[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "nobody"}, {"whose": "node"}, {"whose": "other"}, {"address": "T"}, {"address": ADDRESSES[0].lower()},
        {"name": "auditor"}, {"address": "TLCj2xEqdrMCYkTZbJWNRB3ZTXVyem7BBL"}, {"reason": "short"}, {"code": "000000"},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_not_asked_for(paid: User, changes: dict[str, str]) -> None:
    User.objects.create_user("auditor", role="auditor")
    answer = desk("compliance_officer").act("wallet.set", "new", **asked(**changes))
    assert answer.status_code in (200, 409)
    assert not TwoPersonAct.objects.exists()


@pytest.mark.parametrize("role", ["payout_approver", "auditor"])
def test_only_officers_and_administrators_set_and_withdraw(paid: User, role: str) -> None:
    wallet = _confirmed(paid)
    office = desk(role)
    for kind, key in (("wallet.set", "new"), ("wallet.withdraw", wallet.pk)):
        assert (
            office.client.post(f"/admin/act/{kind}/{key}/", asked(reason="because I say so")).status_code
            == 403
        )
    wallet.refresh_from_db()
    assert wallet.ended_at is None
    assert not TwoPersonAct.objects.exists()


def test_one_officer_withdraws_a_wallet_once(paid: User) -> None:
    wallet = _confirmed(paid)
    office = desk("compliance_officer")
    assert office.act("wallet.withdraw", wallet.pk).status_code == 302
    wallet.refresh_from_db()
    assert (wallet.end, wallets.of_user(paid.pk)) == ("withdrawn", None)
    assert AuditEntry.objects.filter(action="wallet.withdrawn").count() == 1
    assert desk("admin").client.get(f"/admin/act/wallet.withdraw/{wallet.pk}/").status_code == 403


def test_the_pages_show_owner_state_and_history(paid: User) -> None:
    wallet = _confirmed(paid)
    other = changing.confirm(
        Owner(user=paid), actor=paid, confirmer=desk("admin").user, address=ADDRESSES[1], evidence={}
    )
    office = desk("auditor").client
    page = office.get("/admin/kyc/wallet/").content.decode()
    assert "user paid" in page
    assert "Cooling off" in page
    one = office.get(f"/admin/kyc/wallet/{other.pk}/").content.decode()
    assert ADDRESSES[1] in one
    assert f"/admin/kyc/wallet/{wallet.pk}/" in one
    for term in (ADDRESSES[0], "paid"):
        assert ADDRESSES[0] in office.get("/admin/kyc/wallet/", {"q": term}).content.decode()
    assert "Nothing matches" in office.get("/admin/kyc/wallet/", {"q": "someone"}).content.decode()
    for state, shown in (("over", ADDRESSES[0]), ("cooling", ADDRESSES[1])):
        assert shown in office.get("/admin/kyc/wallet/", {"state": state}).content.decode()


def _confirmed(paid: User, **changes: Any) -> Wallet:
    officers = [User.objects.create_user(f"officer {number}", role="compliance_officer") for number in (1, 2)]
    return changing.confirm(
        Owner(user=paid), actor=officers[0], confirmer=officers[1], address=ADDRESSES[0], evidence={}
    )
