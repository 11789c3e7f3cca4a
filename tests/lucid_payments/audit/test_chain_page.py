"""The walk through the chain: bounded per request, resumable, and it says where the chain breaks."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from lucid_payments.audit import chain_page, sealer, verification
from lucid_payments.audit.models import AuditEntry
from tests.lucid_payments.audit.conftest import Execute, write_entries
from tests.payouts.admin import world

WALK = "/admin/audit/publishedhead/walk/"
pytestmark = pytest.mark.alone


@pytest.fixture
def office(cloned_database: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Five sealed entries, two of them a chunk, and no time for more than one chunk a request."""
    monkeypatch.setattr(verification, "CHUNK", 2)
    monkeypatch.setattr(verification, "_SEALED", verification._SEALED.replace("LIMIT 2000", "LIMIT 2"))
    monkeypatch.setattr(chain_page, "SECONDS", 0.0)
    client = Client()
    client.force_login(world.user("auditor"))
    write_entries(5)
    sealer.seal()
    return client


def pages(office: Client) -> list[str]:
    """Each page of a walk, as a browser that follows `Refresh` shows them."""
    found, url = [], WALK
    while url:
        answer = office.get(url)
        assert answer.status_code == 200
        found.append(answer.content.decode())
        url = answer.get("Refresh", "").removeprefix("0; url=")
        assert not url or url in found[-1], "the link to go on by hand is the same"
        assert len(found) < 10
    return found


def test_a_walk_goes_on_from_page_to_page_and_says_intact(office: Client) -> None:
    found = pages(office)
    assert len(found) == 3
    assert "2 of 5 entries, 40 %" in found[0]
    assert "4 of 5 entries, 80 %" in found[1]
    assert "Intact" in found[2]
    assert "Broken" not in "".join(found)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_it_says_where_the_chain_breaks(office: Client, as_owner: Execute, number: int) -> None:
    changed = AuditEntry.objects.order_by("id")[number].pk
    as_owner(f"UPDATE audit_auditentry SET actor_label = 'nobody' WHERE id = {changed}")
    last = pages(office)[-1]
    assert "Broken" in last
    assert "Intact" not in last
    assert f"entry {changed} isn&#x27;t what was sealed at {number + 1}" in last


def test_a_log_broken_everywhere_names_the_first_places(office: Client, as_owner: Execute) -> None:
    write_entries(4)
    sealer.seal()
    as_owner("UPDATE audit_auditentry SET actor_label = 'nobody'")
    last = pages(office)[-1]
    assert "in 9 places" in last
    assert last.count("Changed or moved") == chain_page.MOST_SHOWN
    assert "And 4 more" in last


@pytest.mark.parametrize("ticket", ["", "x", "a:b:c"])
def test_an_address_that_we_did_not_make_leads_back(office: Client, ticket: str) -> None:
    assert office.get(WALK, {"from": ticket})["Location"] == "/admin/audit/publishedhead/"


def test_a_ticket_with_another_position_is_not_ours(office: Client) -> None:
    ticket = chain_page.Walk(sealed=2, head="0" * 64).ticket()
    other = chain_page.Walk(sealed=4, head="0" * 64).ticket()
    mixed = re.sub(r"^[^:]+", other.split(":")[0], ticket)
    assert chain_page.read(ticket) is not None
    assert chain_page.read(mixed) is None


@pytest.mark.parametrize("role", ["admin", "compliance_officer", "payout_approver"])
def test_who_reads_the_audit_log_may_walk_it(office: Client, role: str) -> None:
    client = Client()
    client.force_login(world.user(role))
    assert client.get(WALK).status_code == (403 if role == "payout_approver" else 200)
    assert client.post(WALK).status_code == 405
