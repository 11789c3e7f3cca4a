"""The address book: who adds, who confirms, what looks like what, and what the pages say."""

from __future__ import annotations

from functools import partial

import pytest

from kyc import addressbook
from kyc.addressbook import changing
from kyc.models import AddressEntry
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.admin import world
from tests.payouts.test_races import at_once

ADDRESS = world.RECIPIENT
ANSWERS = {"address": ADDRESS, "name": "Exchange"}


@pytest.fixture
def entry(db: None) -> AddressEntry:
    return changing.add(address=ADDRESS, name="Exchange", actor=officer("ann"), evidence={})


def officer(name: str) -> User:
    return User.objects.get_or_create(username=name, defaults={"role": "compliance_officer"})[0]


@pytest.mark.django_db
def test_one_adds_and_another_confirms() -> None:
    first, second = desk("compliance_officer"), desk("payout_approver")
    assert first.act("address.add", "new", **ANSWERS).status_code == 302
    entry = AddressEntry.objects.get()
    assert addressbook.known([ADDRESS]) == set()
    assert addressbook.names([ADDRESS]) == {ADDRESS: "Exchange"}

    assert first.client.get(f"/admin/act/address.confirm/{entry.pk}/").status_code == 403
    assert second.act("address.confirm", entry.pk).status_code == 302
    assert addressbook.known([ADDRESS]) == {ADDRESS}
    actions = AuditEntry.objects.filter(object_type="kyc.addressentry").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["address.added", "address.confirmed"]

    assert second.act("address.remove", entry.pk).status_code == 302
    assert addressbook.known([ADDRESS]) == set()
    assert first.act("address.add", "new", **ANSWERS).status_code == 302


@pytest.mark.django_db
def test_the_form_is_filled_in_for_the_address_that_is_meant() -> None:
    office = desk("compliance_officer").client
    assert f'value="{ADDRESS}"' in office.get(f"/admin/act/address.add/new:{ADDRESS}/").content.decode()
    assert office.get("/admin/act/address.add/new:T123/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"address": ""}, {"address": "T"}, {"address": ADDRESS[:-1] + "x"}, {"address": "0x" + "12" * 20},
        {"name": ""}, {"name": "n" * 61}, {"reason": "short"}, {"code": "000000"},
    ],
)  # fmt: skip
def test_bad_answers_add_nothing(changes: dict[str, str]) -> None:
    assert desk("compliance_officer").act("address.add", "new", **{**ANSWERS, **changes}).status_code == 200
    assert not AddressEntry.objects.exists()


@pytest.mark.django_db
def test_an_address_stands_in_the_book_once(entry: AddressEntry) -> None:
    answer = desk("compliance_officer").act("address.add", "new", **ANSWERS)
    assert "stands in the book already" in answer.content.decode()
    with pytest.raises(changing.InTheBook):
        changing.add(address=ADDRESS, name="Again", actor=officer("bob"), evidence={})
    assert AddressEntry.objects.get().name == "Exchange"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["address.confirm", "address.remove"])
def test_an_auditor_changes_nothing(entry: AddressEntry, kind: str) -> None:
    office = desk("auditor").client
    assert office.post(f"/admin/act/{kind}/{entry.pk}/", {"reason": "because I say so"}).status_code == 403
    entry.refresh_from_db()
    assert (entry.confirmed_by, entry.removed_at) == (None, None)


def test_an_address_with_the_ends_of_a_known_one_is_told(entry: AddressEntry) -> None:
    """Finding a real one takes its maker eleven million tries; the comparison asks for no checksum."""
    double = ADDRESS[:4] + "X" * 26 + ADDRESS[-4:]
    first_alone, last_alone = ADDRESS[:4] + "X" * 30, "TXXX" + "X" * 26 + ADDRESS[-4:]
    assert addressbook.look_alikes([double, ADDRESS, world.OTHER_RECIPIENT, first_alone, last_alone]) == {
        double: [ADDRESS]
    }
    assert addressbook.look_alikes([]) == {}
    changing.remove(entry, actor=officer("ann"), evidence={})
    assert addressbook.look_alikes([double]) == {}


@pytest.mark.django_db
def test_the_pages_show_who_and_when_it_was_paid(entry: AddressEntry) -> None:
    payout = world.payout(world.user("service"), "confirmed")
    office = desk("auditor").client
    page = office.get(f"/admin/kyc/addressentry/{entry.pk}/").content.decode()
    shown = f"{payout.ended_at:%Y-%m-%d %H:%M:%S}"
    assert page.count(shown) >= 2
    rows = office.get("/admin/kyc/addressentry/").content.decode()
    assert ADDRESS in rows
    assert shown in rows
    assert "Cooling off" in rows
    for term, found in ((ADDRESS, True), ("Exchange", True), ("nothing", False)):
        answer = office.get("/admin/kyc/addressentry/", {"q": term}).content.decode()
        assert (ADDRESS in answer.replace(f'value="{ADDRESS}"', "")) == found
    for state, found in (("cooling", True), ("known", False), ("removed", False)):
        answer = office.get("/admin/kyc/addressentry/", {"state": state}).content.decode()
        assert (ADDRESS in answer) == found


def test_of_many_who_add_confirm_and_remove_at_once_each_is_done_once(cloned_database: str) -> None:
    people = [officer(f"officer {number}") for number in range(6)]
    added = at_once(
        [partial(changing.add, address=ADDRESS, name="x", actor=person, evidence={}) for person in people]
    )
    entry = AddressEntry.objects.get()
    assert len([answer for answer in added if isinstance(answer, changing.InTheBook)]) == 5

    confirmed = at_once([partial(changing.confirm, entry, actor=person, evidence={}) for person in people])
    entry.refresh_from_db()
    assert confirmed.count(True) == 1
    assert entry.confirmed_by != entry.added_by

    removed = at_once([partial(changing.remove, entry, actor=person, evidence={}) for person in people])
    assert removed.count(True) == 1
    assert AuditEntry.objects.filter(object_type="kyc.addressentry").count() == 3


def test_a_confirmation_and_a_removal_at_once_never_leave_a_removed_address_known(
    cloned_database: str,
) -> None:
    for number in range(4):
        entry = changing.add(address=ADDRESS, name=str(number), actor=officer("ann"), evidence={})
        at_once(
            [
                partial(changing.confirm, entry, actor=officer("bob"), evidence={}),
                partial(changing.remove, entry, actor=officer("ann"), evidence={}),
            ]
        )
        entry.refresh_from_db()
        assert entry.removed_at is not None
        assert not entry.counts(clock.now())
        assert addressbook.known([ADDRESS]) == set()


@pytest.mark.django_db
def test_a_payout_that_waits_for_its_address_leads_to_the_act_that_ends_it() -> None:
    payout = world.payout(world.user("service"), "scheduled", "cooling_off")
    path = f"/admin/payouts/payout/{payout.payout_id}/"
    first, second = desk("compliance_officer"), desk("payout_approver")
    assert f"/admin/act/address.add/new:{ADDRESS}/" in first.client.get(path).content.decode()

    first.act("address.add", f"new:{ADDRESS}", **ANSWERS)
    entry = AddressEntry.objects.get()
    confirm = f"/admin/act/address.confirm/{entry.pk}/"
    assert confirm not in first.client.get(path).content.decode()
    page = second.client.get(path).content.decode()
    assert confirm in page
    assert "In the address book" in page
