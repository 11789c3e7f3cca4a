"""A machine is lost with payouts in flight, and another one goes on from its backup: each is paid exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from deploy.backup import last, server
from deploy.backup.errors import BackupError
from deploy.backup.restoring import Restore
from lucid_payments.audit.models import AuditEntry
from payouts import devnet_clock, recovery
from payouts.models import Attempt, ManualCase, OrphanSignature, Payout, SignerState
from payouts.release import release_due
from routers import killswitch
from tests.deploy.backup.machine import EMBEDDED, Backups, Machine
from tests.devnet.fixtures import RunningDevnet
from tests.payouts.flow.conftest import running_world
from tests.payouts.flow.world import PASSWORD, RECIPIENTS, USDT, World, forget_process_state
from tests.policies import release_kill_switch

pytestmark = pytest.mark.age

Machines = Callable[[str], Machine]
AMOUNTS = (5 * USDT, 6 * USDT, 7 * USDT, 8 * USDT)
EACH_PAID_ONCE = dict.fromkeys(zip(RECIPIENTS, AMOUNTS, strict=True), 1)


@dataclass
class Story:
    """A machine with a world on it, its backups, and the one that takes its place."""

    world: World
    first: Machine
    second: Machine
    backups: Backups
    settings: Settings
    root: Path

    def put_in_flight(self) -> None:
        """One payout seen in a block, one sent, one signed and not sent, one that nobody has looked at yet."""
        for to, amount in zip(RECIPIENTS[:2], AMOUNTS[:2], strict=True):
            self.world.create(amount, to=to)
            self.world.tick()
            if to == RECIPIENTS[0]:
                self.world.step(1)
        self.world.create(AMOUNTS[2], to=RECIPIENTS[2])
        release_due()
        self.world.signer_lives()
        self.world.create(AMOUNTS[3], to=RECIPIENTS[3])

    def lose(self) -> None:
        self.backups.receiver.stop()
        self.first.end()
        forget_process_state()

    def restore(self, to: datetime | None = None) -> None:
        """Onto the second machine, and start it there."""
        self.restoring(to).run(lambda line: None)
        self.second.start()
        self.second.serve_django()
        folder = self.root / self.first.signer.relative_to("/")
        for name in ("TREASURY_KEY_FILE", "SIGNER_JOURNAL_FILE"):
            setattr(self.settings, name, str(folder / Path(getattr(self.settings, name)).name))
        # Not in the backup, by its list of paths: it comes from whoever holds its copy.
        (folder / "password").write_text(PASSWORD)
        self.settings.TREASURY_PASSWORD_FILE = str(folder / "password")
        forget_process_state()
        devnet_clock.follow()

    def restoring(self, to: datetime | None = None) -> Restore:
        return Restore(
            store=self.first.settings.store,
            identity=self.first.identity,
            data=self.second.postgres.data,
            root=self.root,
            to=to,
            binaries=EMBEDDED,
        )

    def let_go(self) -> None:
        """People have looked at what was lost: payouts may go out."""
        assert killswitch.is_pulled()
        release_kill_switch()

    def run_until_unlocked(self) -> None:
        for _ in range(12):
            self.world.run(1, blocks=10)
            if not SignerState.objects.get().locked_reason:
                return
        raise AssertionError(f"still locked: {SignerState.objects.get().locked_reason}")


@pytest.fixture
def story(machines: Machines, devnet: RunningDevnet, settings: Settings, tmp_path: Path) -> Iterator[Story]:
    first = machines("first")
    first.make()
    first.serve_django()
    with running_world(devnet, settings, first.signer) as world, Backups(first) as backups:
        yield Story(world, first, machines("second"), backups, settings, tmp_path / "root")


def test_the_mark_of_a_restore_is_the_one_that_the_signer_looks_for() -> None:
    assert server.RESTORED == recovery.RESTORED


def test_a_machine_lost_with_payouts_in_flight_is_restored_to_its_last_moment(story: Story) -> None:
    """The base backup is from before them, the log and the journal are from the end."""
    story.backups.base()
    story.put_in_flight()
    story.backups.round()
    told = last.told(story.first.settings.last)
    assert (told["verified"], told["error"], told["archive_error"], told["damaged"]) == (True, "", "", [])
    story.lose()
    story.restore()
    states = dict(Attempt.objects.values_list("recipient_address", "state"))
    assert states == {RECIPIENTS[0]: "included", RECIPIENTS[1]: "sent", RECIPIENTS[2]: "signed"}
    story.world.signer_lives()
    assert "restored" in SignerState.objects.get().locked_reason
    assert AuditEntry.objects.filter(action="killswitch.pulled").exists()
    story.let_go()
    story.world.run(2)
    assert not Attempt.objects.filter(recipient_address=RECIPIENTS[3]).exclude(
        state__in=("prepared", "withdrawn")
    )
    story.world.settle()
    assert story.world.paid() == EACH_PAID_ONCE
    assert SignerState.objects.get().locked_reason == ""
    story.world.check()


@pytest.mark.prove
def test_a_restore_to_before_the_signatures_finds_them_in_the_newer_journal(story: Story) -> None:
    story.backups.base()
    for to, amount in zip(RECIPIENTS, AMOUNTS, strict=True):
        story.world.create(amount, to=to)
    before = datetime.now(UTC)
    story.world.tick()
    story.world.step(1)
    assert sum(story.world.paid().values()) == 4
    story.backups.round()
    story.lose()
    story.restore(to=before)
    assert set(Payout.objects.values_list("status", flat=True)) == {"scheduled"}
    assert not Attempt.objects.exists()
    story.world.signer_lives()
    assert Attempt.objects.count() == 4, "the journal tells of them"
    story.let_go()
    story.world.settle()
    assert story.world.paid() == EACH_PAID_ONCE
    assert Attempt.objects.count() == 4
    story.world.check()


@pytest.mark.prove
@pytest.mark.parametrize("kept", ["older", "none"])
def test_what_neither_database_nor_journal_knows_is_held_and_never_paid_again(
    story: Story, kept: str
) -> None:
    """The worst: a moment before the signatures, and no journal that tells of them. The chain does."""
    if kept == "older":
        story.world.create(9 * USDT)
        story.world.settle()
    story.backups.base()
    lost = story.world.create(AMOUNTS[1], to=RECIPIENTS[1])
    before = datetime.now(UTC)
    story.backups.round()
    kept_journal = Path(story.settings.SIGNER_JOURNAL_FILE).read_bytes()
    story.world.tick()
    story.world.step(1)
    # Its WAL gets there, as it does when the signer's disk is another one and dies first.
    Path(story.settings.SIGNER_JOURNAL_FILE).rename(story.first.home / "lost")
    story.backups.round()
    story.lose()
    story.restore(to=before)
    restored = Path(story.settings.SIGNER_JOURNAL_FILE)
    assert restored.read_bytes() == kept_journal
    if kept == "none":
        restored.unlink()
        forget_process_state()
    paid = story.world.paid()
    story.world.run(8, blocks=10)
    lost.refresh_from_db()
    assert lost.status == "scheduled"
    assert killswitch.is_pulled()
    assert SignerState.objects.get().locked_reason
    assert story.world.paid() == paid
    assert ManualCase.objects.filter(closed_at=None).exists(), "people are asked"


@pytest.mark.prove
def test_a_base_backup_taken_while_payouts_move_is_as_good(story: Story) -> None:
    """Everything goes on between its first and its last byte; so does the log."""
    story.put_in_flight()
    story.backups.base()
    story.world.run(2)
    story.backups.round()
    story.lose()
    story.restore()
    story.world.signer_lives()
    story.let_go()
    story.world.settle()
    assert story.world.paid() == EACH_PAID_ONCE
    story.world.check()


@pytest.mark.prove
def test_a_lock_that_stood_at_the_moment_restored_to_doesn_t_let_go_early(story: Story) -> None:
    """It ended long ago by the clock; what was signed since is what the new one waits for."""
    SignerState.objects.update(locked_reason="an earlier restore", locked_until_ms=1)
    story.backups.base()
    story.backups.round()
    story.lose()
    story.restore()
    story.world.signer_lives()
    story.world.step(1)
    row = SignerState.objects.get()
    assert row.locked_reason
    assert row.locked_until_ms > story.world.devnet.state()["head"]["timestamp"]
    story.run_until_unlocked()


@pytest.mark.prove
def test_only_the_database_is_restored_where_the_signer_s_disk_is_whole(story: Story) -> None:
    """The journal there is newer than any copy of it."""
    story.backups.base()
    story.backups.round()
    story.put_in_flight()
    story.lose()
    journal = Path(story.settings.SIGNER_JOURNAL_FILE)
    kept = journal.read_bytes()
    with pytest.raises(BackupError, match="--only-database"):
        Restore(**{**vars(story.restoring()), "root": Path("/")}).run(lambda line: None)
    assert not story.second.postgres.data.exists()
    Restore(**{**vars(story.restoring()), "root": Path("/"), "only_database": True}).run(lambda line: None)
    assert journal.read_bytes() == kept
    story.second.start()
    story.second.serve_django()
    forget_process_state()
    devnet_clock.follow()
    story.world.signer_lives()
    assert OrphanSignature.objects.count() == 3
    assert not Payout.objects.exists(), "they were asked for after the backup: their clients ask again"
    story.let_go()
    again = story.world.create(AMOUNTS[0], to=RECIPIENTS[0])
    story.world.run(20, blocks=10)
    again.refresh_from_db()
    assert (again.status, again.hold_reason) == ("scheduled", "possible_duplicate")
    # The third was signed and never sent; nobody sends it now.
    assert story.world.paid() == dict.fromkeys([*EACH_PAID_ONCE][:2], 1)
