"""What a restore says when it can't, that it leaves nothing behind, and that nobody reads a backup without the key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.backup import base, last, rest, wal
from deploy.backup.__main__ import run
from deploy.backup.age import Identity
from deploy.backup.errors import BackupError
from deploy.backup.postgres import for_programs
from deploy.backup.restoring import Restore
from deploy.backup.store import Store
from payouts.tron.signing.journal import GENESIS, chained_digest
from tests.deploy.backup.machine import EMBEDDED, Backups, Machine
from tests.harness.environment import TestServers

pytestmark = pytest.mark.age

Machines = Callable[[str], Machine]
CANARY = "canary-4f1c-that-may-stand-nowhere"


@pytest.fixture(scope="module")
def lost(
    servers: TestServers, identity: Identity, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A machine with a base backup and three segments of log after it; whoever spoils its backups mends them."""
    folder = tmp_path_factory.mktemp("lost")
    machine = Machine(folder / "first", folder / "backup", identity)
    machine.make()
    body = f'{{"seq":1,"payout_id":"{CANARY}"}}'.encode()
    line = chained_digest(GENESIS, body).encode() + b" " + body + b"\n"
    (machine.signer / "journal").write_bytes(line)
    for name in ("treasury.json", "password"):
        (machine.signer / name).write_text(CANARY * 20)
    with Backups(machine) as backups:
        backups.base()
        for _ in range(3):
            machine.postgres.query(f"CREATE TABLE canary AS SELECT '{CANARY}' AS word; DROP TABLE canary")
            machine.postgres.query("SELECT pg_switch_wal()")
        backups.round()
    machine.end()
    yield machine
    machine.clean()


def restore(machine: Machine, tmp_path: Path) -> Restore:
    return Restore(
        Store(machine.target / "store"),
        machine.identity,
        data=tmp_path / "second" / "postgresql",
        root=tmp_path / "second" / "root",
        binaries=EMBEDDED,
    )


def refused(restoring: Restore, said: str) -> None:
    """With this sentence, and without a trace."""
    with pytest.raises(BackupError, match=said):
        restoring.run(lambda line: None)
    left = [path for path in restoring.data.parent.rglob("*") if not path.is_dir()]
    assert left == []
    assert not restoring.data.exists()


def test_a_restore_that_can_t_be_whole_says_why_and_leaves_nothing(lost: Machine, tmp_path: Path) -> None:
    good = restore(lost, tmp_path)
    store = good.store
    refused(replace(good, identity=Identity.fresh()), "encrypted to other keys")

    segment = store.names(wal.PLACE)[1]
    held = {file: file.read_bytes() for file in (store.folder / wal.PLACE).glob(segment + "*")}
    store.remove(wal.PLACE, segment)
    refused(good, f"WAL segment {segment} is missing")
    for file, content in held.items():
        file.write_bytes(content)
        file.chmod(0o600)

    (name,) = store.names(base.PLACE)
    file = store.path(base.PLACE, name)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    refused(good, "is damaged")
    file.write_bytes(whole)

    file.with_name(file.name + ".sha256").rename(tmp_path / "sum")
    refused(good, "no base backup that is whole")
    (tmp_path / "sum").rename(file.with_name(file.name + ".sha256"))

    good.data.mkdir(parents=True)
    (good.data / "PG_VERSION").write_text("another cluster")
    with pytest.raises(BackupError, match="isn't empty"):
        good.run(lambda line: None)
    assert [path.name for path in good.data.iterdir()] == ["PG_VERSION"]


def test_nothing_in_the_store_or_beside_it_can_be_read_without_the_key(lost: Machine) -> None:
    looked = [
        file for file in lost.target.rglob("*") if file.is_file() and lost.settings.spool not in file.parents
    ]
    assert len(looked) > 10
    for file in looked:
        content = file.read_bytes()
        assert CANARY.encode() not in content, file
        assert b"AGE-SECRET-KEY" not in content, file
        assert file.stat().st_mode & 0o077 == (0o044 if file == lost.settings.last else 0), file
    # What is received and not yet encrypted is as plain as the database beside it.
    assert lost.settings.spool.stat().st_mode & 0o777 == 0o700


def test_a_database_password_is_no_argument() -> None:
    url, password = for_programs("postgresql://backup:s3cret%20word@%2Frun%2Fpg/lucid?sslmode=require")
    assert (url, password) == ("postgresql://backup@%2Frun%2Fpg/lucid?sslmode=require", "s3cret word")


def test_a_base_backup_that_fails_is_told_and_leaves_the_one_before(lost: Machine) -> None:
    """The server is away; then the program runs as its unit runs it, and says one line."""
    before = last.told(lost.settings.last)
    with pytest.raises(BackupError, match="PostgreSQL: "):
        Backups(lost).base()
    told = last.told(lost.settings.last)
    assert told["error"].startswith("PostgreSQL: ")
    assert (told["time"], told["name"], told["verified"]) == (before["time"], before["name"], True)
    assert lost.settings.store.names(base.PLACE) == [before["name"]]


def test_the_commands_say_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, identity: Identity
) -> None:
    for name in ("BACKUP_DATABASE_URL", "SIGNER_JOURNAL_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert run(["base"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "key").write_text(identity.text)
    given = ["--store", str(tmp_path / "none"), "--identity", str(tmp_path / "key")]
    assert run(["drill", *given]) == 1
    assert "holds no base backup" in capsys.readouterr().err
    assert run(["list", "--store", str(tmp_path / "none")]) == 0


@pytest.mark.prove
def test_a_moment_after_the_end_is_told_with_the_end(lost: Machine, tmp_path: Path) -> None:
    refused(
        replace(restore(lost, tmp_path), to=datetime.now(UTC) - timedelta(milliseconds=1)), "doesn't reach to"
    )


@pytest.mark.prove
def test_a_drill_is_a_whole_restore_and_leaves_nothing(
    lost: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text(lost.identity.text)
    (tmp_path / "room").mkdir()
    given = ["--store", str(lost.target / "store"), "--identity", str(tmp_path / "key")]
    given += ["--folder", str(tmp_path / "room"), "--binaries", str(EMBEDDED)]
    assert run(["drill", *given]) == 0
    assert "nothing of it is left" in capsys.readouterr().out
    assert list((tmp_path / "room").iterdir()) == []


@pytest.mark.prove
def test_the_slot_keeps_the_log_while_nobody_receives_it(machines: Machines, tmp_path: Path) -> None:
    """The archive was down for a while, also while the server was restarted: no gap."""
    machine = machines("first")
    machine.make()
    (machine.signer / "treasury.json").write_text("the encrypted key")
    (machine.signer / "password").write_text("")
    with Backups(machine) as backups:
        backups.base()
        backups.round()
    for _ in range(4):
        machine.postgres.query("SELECT pg_switch_wal(); SELECT txid_current(); CHECKPOINT")
    machine.end()
    machine.start()
    with Backups(machine) as backups:
        backups.round()
        told = last.told(machine.settings.last)
        assert told["archive_error"] == ""
        (kept,) = base.all_of(machine.settings.store)
        assert len(wal.chain(machine.settings.store, kept.start_segment, kept.segment_bytes)) >= 5
        backups.receiver._process.kill()  # type: ignore[union-attr]
        backups.receiver._process.wait()  # type: ignore[union-attr]
        machine.postgres.query("SELECT pg_switch_wal()")
        with pytest.raises(BackupError, match="pg_receivewal"):
            backups.round()
        backups.round()
        assert last.told(machine.settings.last)["archive_error"] == ""
    assert rest.PLACE in {folder.name for folder in machine.settings.store.folder.iterdir()}
