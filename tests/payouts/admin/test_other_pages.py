"""The pages beside the payouts: books, chain, audit log and events."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.models import ChainState, LedgerTransfer, Payout, SignerState
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db


def rows(office: Client, path: str) -> int:
    """How many rows a list shows."""
    page = office.get(path, follow=True).content.decode()
    return page.split("<tbody>")[1].count("<tr>") if "<tbody>" in page else 0


def text(office: Client, path: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", office.get(path).content.decode()).split())


@pytest.fixture
def paid(service: User) -> Payout:
    payout = world.payout(service, "confirmed")
    world.attempt(payout, "succeeded")
    world.transfer(world.payout(service, "released"), "pending")
    return payout


def test_transfers_are_found_by_payout_and_txid(office: Client, paid: Payout) -> None:
    path = "/admin/payouts/ledgertransfer/"

    assert rows(office, path) == LedgerTransfer.objects.count() == 3
    assert rows(office, f"{path}?q={paid.payout_id}") == 2
    assert rows(office, f"{path}?q={paid.attempts.get().txid}") == 2
    assert rows(office, f"{path}?q=payout_") == 0
    assert rows(office, f"{path}?kind=post") == 1
    assert rows(office, f"{path}?account=treasury") == 3
    assert rows(office, f"{path}?account=fees") == 0


def test_accounts_show_their_balance(office: Client) -> None:
    world.surroundings(clock.now())

    assert "treasury USDT 25,000.00 0.00 25,000.00 0.00 40.00" in text(
        office, "/admin/payouts/ledgeraccount/"
    )


def test_the_chain_page_says_what_is_fresh(office: Client) -> None:
    world.surroundings(clock.now())

    page = text(office, "/admin/payouts/chainstate/")

    assert page.count("✓ Fresh") == 3
    assert "70000100" in page
    assert "25,000.00 USDT, 40.00 of it reserved" in page
    assert "two answers for one block" in page


def test_the_chain_page_says_what_is_wrong(office: Client) -> None:
    old = clock.now() - timedelta(minutes=2)
    ChainState.objects.update(read_at=old, statement_at=None, foreign_txid="f" * 64, token_refusal="paused")
    SignerState.objects.update(heartbeat_at=old, locked_reason="restored from a backup")

    page = text(office, "/admin/payouts/chainstate/")

    for words in ("✕ Too old", "✕ Never", "It has never been stated.", "f" * 64, "✕ Can't be sent paused"):
        assert words in page, words
    assert "✕ Locked" in page
    assert "Locked because restored from a backup" in page


def test_limits_draw_what_their_table_says(office: Client) -> None:
    clock.freeze(clock.now())
    world.surroundings(clock.now())

    page = office.get("/admin/routers/limitwindow/").content.decode()

    assert page.count('<svg role="img"') == page.count("<title id=") == page.count("<desc id=") == 6
    assert "420.00 USDT posted, 130.50 reserved and 449.50 free of 1,000.00." in page
    # 42 % and 13.05 % of the drawing's 600 units.
    assert '<rect class="bar-posted" x="0" y="0" width="252" height="24">' in page
    assert '<rect class="bar-reserved" x="252" y="0" width="78" height="24">' in page
    # The router's cap of 400 an hour is used up and more: drawn full, nothing free, never negative.
    assert '<rect class="bar-posted" x="0" y="0" width="600" height="24">' in page
    assert "420.00 USDT posted, 130.50 reserved and 0.00 free of 400.00." in page


def test_audit_entries_are_found_by_payout_action_and_actor(office: Client, auditor: User) -> None:
    world.everything_of(auditor)
    payout = Payout.objects.latest("pk")
    world.note(auditor, payout)
    path = "/admin/audit/auditentry/"

    assert rows(office, f"{path}?q={payout.payout_id}") == 1
    assert (
        rows(office, f"{path}?q=payout.created") == AuditEntry.objects.filter(action="payout.created").count()
    )
    assert rows(office, f"{path}?q=auditor") == 1
    assert rows(office, f"{path}?q=payout_nobody") == 0
    assert rows(office, f"{path}?q=payout.creat") == 0


def test_an_audit_entry_shows_its_details_as_text_and_its_seal(office: Client, auditor: User) -> None:
    world.note(auditor, world.payout(auditor))

    page = office.get(f"/admin/audit/auditentry/{AuditEntry.objects.latest('pk').pk}/").content.decode()

    assert "Not sealed yet" in page
    assert world.INJECTION not in page
    assert "&lt;script&gt;" in page


def test_events_are_found_by_payout_id_and_owner(office: Client, auditor: User) -> None:
    payout = world.payout(auditor)
    world.note(auditor, payout)
    event = Event.objects.get()
    path = "/admin/events/event/"

    for term in (payout.payout_id, event.event_id, "auditor"):
        assert rows(office, f"{path}?q={term}") == 1, term
    assert rows(office, f"{path}?q=payout_nobody") == 0
    page = office.get(f"{path}{event.event_id}/").content.decode()
    assert payout.payout_id in page
    assert world.INJECTION not in page
