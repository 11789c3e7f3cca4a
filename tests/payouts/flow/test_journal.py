"""The second and eighth sentences: the signer's journal knows what was signed, whatever happens to the database."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from psycopg import sql
from pytest_django import Settings

from payouts import ledger, recovery, signer
from payouts.execution import PAUSE_AFTER_WITHDRAWAL
from payouts.manager import PayoutManager
from payouts.models import Alarm, OrphanSignature, Payout, SignerState
from payouts.models.payout import HoldReason
from payouts.release import release_due
from payouts.sending import send_due
from payouts.tron.signing.errors import JournalError
from payouts.tron.signing.journal import Journal
from routers import killswitch
from tests.harness.environment import TestServers, with_database
from tests.payouts.flow.world import FUNDS, RECIPIENTS, USDT, World, forget_process_state

PAID_ONCE = {(RECIPIENTS[0], 5 * USDT): 1}


class PowerCut(BaseException):
    """The machine stops here."""


def journal_lines() -> list[str]:
    return Path(settings.SIGNER_JOURNAL_FILE).read_text().splitlines()


def die_before_the_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal has the signature on disk; the database's transaction is lost with the machine."""

    def cut(*args: Any) -> None:
        raise PowerCut

    monkeypatch.setattr(recovery, "note_journal", cut)
    with pytest.raises(PowerCut):
        world.signer_lives()
    monkeypatch.undo()
    forget_process_state()


# 2. The journal first, then the database, then the wire.


def test_the_journal_is_written_before_a_signature_exists(world: World, monkeypatch: Any) -> None:
    """A disk that can't take the line means no signature, and the payout just waits."""
    payout = world.create()
    release_due()

    def full(*args: Any, **kwargs: Any) -> None:
        raise JournalError("UNWRITABLE", "The disk is full.")

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(JournalError):
        world.signer_lives()
    attempt = payout.attempts.get()
    assert (attempt.state, attempt.signed_transaction) == ("prepared", None)
    monkeypatch.undo()
    forget_process_state()
    world.settle()
    assert world.paid() == PAID_ONCE


def test_a_disk_that_was_full_for_a_while_needs_nobody(world: World, monkeypatch: Any) -> None:
    """Half a line got onto it. When there is room again the same process goes on signing."""
    payout = world.create()
    release_due()
    write = os.write

    def half(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    for _ in range(2):
        with pytest.raises(JournalError):
            world.signer_lives()
    assert payout.attempts.get().state == "prepared"
    monkeypatch.undo()
    assert world.signer_lives() == 1
    assert len(journal_lines()) == 1
    world.settle()
    assert payout.attempts.count() == 1
    assert world.paid() == PAID_ONCE
    world.check()


def test_the_journal_names_exactly_what_was_signed(world: World) -> None:
    payout = world.create()
    release_due()
    world.signer_lives()
    attempt = payout.attempts.get()
    (entry,) = signer.journal().entries()
    assert (entry.payout_id, entry.recipient, entry.amount) == (payout.payout_id, RECIPIENTS[0], 5 * USDT)
    assert (entry.txid, entry.expiration_ms) == (attempt.txid, attempt.expiration_ms)
    assert bytes.fromhex(entry.raw_data) == bytes(attempt.raw_data)


def test_nothing_goes_out_before_the_signed_bytes_are_committed(world: World, monkeypatch: Any) -> None:
    """Until the signer's transaction commits, the sender finds nothing to send, not even an attempt's own bytes."""
    world.create()
    release_due()
    world.devnet.reset_calls()
    assert send_due() == 0
    die_before_the_commit(world, monkeypatch)
    assert send_due() == 0
    assert "wallet/broadcasthex" not in world.devnet.calls()


def test_a_crash_between_the_journal_and_the_commit_is_healed_by_the_next_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = world.create()
    release_due()
    die_before_the_commit(world, monkeypatch)
    assert payout.attempts.get().state == "prepared"
    assert len(journal_lines()) == 1
    world.signer_lives()
    assert payout.attempts.get().state == "signed"
    assert SignerState.objects.get().locked_reason == ""
    world.settle()
    assert payout.attempts.count() == 1
    assert len(journal_lines()) == 1
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_payout_withdrawn_after_such_a_crash_waits_until_its_signature_is_harmless(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout = world.create()
    release_due()
    die_before_the_commit(world, monkeypatch)
    PayoutManager.withdraw(payout.attempts.all(), hold=HoldReason.SIGNER, detail="The signer is gone.")
    world.signer_lives()
    assert OrphanSignature.objects.get().payout_label == payout.payout_id
    assert "restored" in SignerState.objects.get().locked_reason
    world.pass_by(PAUSE_AFTER_WITHDRAWAL.total_seconds())
    assert release_due() == 0
    world.expire()
    world.run(12, blocks=10)
    assert OrphanSignature.objects.get().state == "harmless"
    assert SignerState.objects.get().locked_reason == ""
    world.settle()
    assert world.paid() == PAID_ONCE
    world.check()


# 8. After a restore the signer is locked until all that the journal names is known and resolved.


def test_a_signature_that_a_restore_lost_becomes_its_payout_s_attempt_again(world: World) -> None:
    payout = world.create()
    backup = transaction.savepoint()
    world.tick()
    world.step(1)
    assert world.paid() == PAID_ONCE
    transaction.savepoint_rollback(backup)
    forget_process_state()
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.count()) == ("scheduled", 0)
    world.signer_lives()
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.count()) == ("sent", 1)
    world.settle()
    payout.refresh_from_db()
    assert (payout.status, payout.attempts.count()) == ("confirmed", 1)
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_payout_that_a_restore_lost_is_not_paid_again_when_it_is_asked_for_again(world: World) -> None:
    backup = transaction.savepoint()
    lost = world.create().payout_id
    world.tick()
    world.step(1)
    transaction.savepoint_rollback(backup)
    forget_process_state()
    again = world.create()
    other = world.create(to=RECIPIENTS[1])
    world.signer_lives()
    assert "restored" in SignerState.objects.get().locked_reason
    assert Alarm.objects.filter(kind="signer_locked", cleared_at=None).exists()
    world.run(40)
    again.refresh_from_db()
    other.refresh_from_db()
    orphan = OrphanSignature.objects.get()
    assert (orphan.payout_label, orphan.state) == (lost, "paid")
    assert (again.status, again.hold_reason) == ("scheduled", "possible_duplicate")
    assert again.attempts.count() == 0
    assert not killswitch.is_pulled(), "what the journal explains isn't theft"
    assert SignerState.objects.get().locked_reason == ""
    assert not Alarm.objects.filter(kind="signer_locked", cleared_at=None).exists()
    assert other.status == "confirmed"
    assert world.paid() == {(RECIPIENTS[0], 5 * USDT): 1, (RECIPIENTS[1], 5 * USDT): 1}
    assert ledger.treasury_balance().posted == FUNDS - 10 * USDT


def test_the_signer_stays_locked_until_all_that_was_signed_must_have_landed_or_expired(world: World) -> None:
    backup = transaction.savepoint()
    world.create()
    world.tick()
    transaction.savepoint_rollback(backup)
    forget_process_state()
    world.signer_lives()
    until_ms = SignerState.objects.get().locked_until_ms
    other = world.create(to=RECIPIENTS[1])
    for _ in range(9):
        world.run(1, blocks=10)
        row = SignerState.objects.get()
        solid_ms = world.devnet.state()["solid"]["timestamp"]
        assert bool(row.locked_reason) or solid_ms >= until_ms
        assert bool(row.locked_reason) is (other.attempts.count() == 0)


@pytest.mark.parametrize("left", ["nothing", "half"])
def test_a_journal_that_was_lost_locks_the_signer_until_nothing_of_it_can_land(
    world: World, left: str
) -> None:
    for to in RECIPIENTS[:2]:
        world.create(to=to)
        world.tick()
        world.step(1)
    lines = journal_lines()
    assert len(lines) == 2
    forget_process_state()
    kept = "" if left == "nothing" else lines[0] + "\n"
    Path(settings.SIGNER_JOURNAL_FILE).write_text(kept)
    later = world.create(to=RECIPIENTS[2])
    world.signer_lives()
    assert "lost" in SignerState.objects.get().locked_reason
    world.run(2)
    later.refresh_from_db()
    assert (later.status, later.hold_reason, later.attempts.count()) == ("scheduled", "signer", 0)
    world.settle(30)
    assert SignerState.objects.get().locked_reason == ""
    assert world.paid() == {(to, 5 * USDT): 1 for to in RECIPIENTS[:3]}
    world.check()


def test_an_altered_line_is_refused(world: World) -> None:
    world.create()
    world.tick()
    forget_process_state()
    file = Path(settings.SIGNER_JOURNAL_FILE)
    file.write_text(file.read_text().replace('"amount":5000000', '"amount":4000000'))
    with pytest.raises(JournalError):
        world.signer_lives()


def test_a_second_signer_beside_the_first_is_refused(world: World) -> None:
    with pytest.raises(JournalError):
        Journal(Path(settings.SIGNER_JOURNAL_FILE))


@pytest.mark.parametrize("copied", [True, False], ids=["with a copy of the journal", "with an empty journal"])
def test_a_signer_started_in_another_place_waits_before_it_signs(
    world: World, settings: Settings, tmp_path: Path, copied: bool
) -> None:
    """A second copy of the deployment, or a move: what the other one has signed must have shown on chain."""
    payout = world.create()
    elsewhere = tmp_path / "elsewhere"
    if copied:
        shutil.copy(settings.SIGNER_JOURNAL_FILE, elsewhere)
    settings.SIGNER_JOURNAL_FILE = str(elsewhere)
    forget_process_state()
    world.tick()
    assert "second copy" in SignerState.objects.get().locked_reason
    world.run(3)
    assert not elsewhere.read_bytes()
    world.settle()
    assert SignerState.objects.get().locked_reason == ""
    assert payout.attempts.filter(state="succeeded").count() == 1
    assert world.paid() == PAID_ONCE
    world.check()


def test_a_database_restored_from_a_backup_pays_nothing_twice(
    committed_world: World, servers: TestServers, cloned_database: str
) -> None:
    """A real copy of the database, taken before, put in place afterwards: sequences and all go back."""
    world = committed_world
    before = world.create()
    backup = f"{cloned_database}_backup"
    _copy(servers, cloned_database, backup)
    lost = [world.create(USDT * n, to=RECIPIENTS[n]) for n in (1, 2)]
    world.tick()
    world.step(1)
    assert sum(world.paid().values()) == 3
    world.pass_by(60)
    connections.close_all()
    connection.settings_dict["NAME"] = backup
    forget_process_state()
    try:
        assert Payout.objects.get().pk == before.pk
        again = [world.create(payout.amount, to=payout.recipient_address) for payout in lost]
        world.run(40)
        before.refresh_from_db()
        assert before.status == "confirmed"
        for payout in again:
            payout.refresh_from_db()
            assert (payout.status, payout.hold_reason) == ("scheduled", "possible_duplicate")
        fresh = world.create(7 * USDT)
        world.run(8)
        fresh.refresh_from_db()
        assert fresh.status == "confirmed"
        assert sum(world.paid().values()) == 4
        assert not killswitch.is_pulled()
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = cloned_database
        _drop(servers, backup)


def _copy(servers: TestServers, source: str, target: str) -> None:
    connections.close_all()
    _as_owner(
        servers, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (target, source)))
    )


def _drop(servers: TestServers, name: str) -> None:
    _as_owner(servers, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _as_owner(servers: TestServers, statement: sql.Composed) -> None:
    with psycopg.connect(with_database(servers.owner_url, "postgres"), autocommit=True) as owner:
        owner.execute(statement)
