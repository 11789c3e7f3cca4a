"""The chain's arithmetic, against hashes that are written down: they must never change."""

from __future__ import annotations

from datetime import UTC, datetime

from lucid_payments.audit.chain import GENESIS, link

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENTRY = (7, AT, 3, "anna", "payout.created", "payouts.payout", "9", "payout_x", "req-1", '{"a": 1.50}')
BEFORE = "691351c9b3e0d3e581c7a346fd16bbfbb3993035d07e494b6f5f418cb34fdf55"


def test_an_entry_from_before_roles_and_circuits_hashes_as_it_did() -> None:
    assert link(GENESIS, 1, (*ENTRY, "", "")) == BEFORE


def test_role_and_circuit_change_the_hash() -> None:
    found = {link(GENESIS, 1, (*ENTRY, role, client)) for role in ("", "admin") for client in ("", "a", "b")}
    assert len(found) == 6
