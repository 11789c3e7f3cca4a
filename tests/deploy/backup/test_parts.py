"""The journal's pieces, keys and settings, the log's chain, and which backups are kept."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.backup import base, journal, last, rest, taking, wal
from deploy.backup.age import Identity, Recipients
from deploy.backup.base import Base
from deploy.backup.errors import BackupError
from deploy.backup.restoring import Restore
from deploy.backup.settings import Settings
from deploy.backup.store import Store
from payouts.tron.signing.journal import GENESIS, chained_digest

pytestmark = pytest.mark.age
SEGMENT = 16 * 1024 * 1024


@pytest.fixture
def settings(tmp_path: Path, identity: Identity) -> Settings:
    signer = tmp_path / "etc" / "signer"
    signer.mkdir(parents=True)
    (signer / "treasury.json").write_text("the encrypted key")
    (signer / "password").write_text("the password")
    (tmp_path / "recipients").write_text(identity.recipient)
    (tmp_path / "paths").write_text(f"# all\n\n{tmp_path / 'etc'}\n- {signer / 'password'}\n")
    return Settings(
        folder=tmp_path / "backup",
        recipients=tmp_path / "recipients",
        paths=tmp_path / "paths",
        journal=signer / "journal",
        keep=2,
    )


@pytest.fixture
def key(settings: Settings) -> Recipients:
    return Recipients(settings.recipients)


def lines(count: int, word: str = "line") -> bytes:
    """As the signer's journal chains them."""
    head, written = GENESIS, b""
    for number in range(1, count + 1):
        body = json.dumps({"seq": number, "word": word}).encode()
        head = chained_digest(head, body)
        written += head.encode() + b" " + body + b"\n"
    return written


def pieces(store: Store) -> int:
    return len(store.names(journal.PLACE))


def test_the_journal_goes_line_by_line_and_comes_back_whole(
    settings: Settings, key: Recipients, identity: Identity
) -> None:
    store = settings.store
    assert journal.ship(store, key, settings.journal) == 0, "nothing was signed yet"
    for count in (2, 5):
        # A last line that is being written isn't one yet.
        settings.journal.write_bytes(lines(count) + b"half a li")
        assert journal.ship(store, key, settings.journal) > 0
        assert journal.ship(store, key, settings.journal) == 0
    assert pieces(store) == 2
    assert journal.put_together(store, identity) == lines(5)
    for count in (6, 7, 8):
        settings.journal.write_bytes(lines(count))
        journal.ship(store, key, settings.journal, whole=True)
        journal.forget(store)
        assert journal.put_together(store, identity) == lines(count)
    assert pieces(store) == 2, "two whole ones"


def test_a_journal_begun_anew_is_kept_beside_the_old_one(
    settings: Settings, key: Recipients, identity: Identity
) -> None:
    store = settings.store
    settings.journal.write_bytes(lines(5))
    journal.ship(store, key, settings.journal)
    settings.journal.write_bytes(lines(2, "another"))
    journal.ship(store, key, settings.journal)
    assert journal.put_together(store, identity) == lines(2, "another")
    assert pieces(store) == 2
    settings.journal.write_bytes(lines(7).replace(b'"seq": 6', b'"seq": 9'))
    with pytest.raises(BackupError, match="broken"):
        journal.ship(store, key, settings.journal)
    assert pieces(store) == 2


def test_a_piece_of_the_journal_that_is_missing_is_said(
    settings: Settings, key: Recipients, identity: Identity
) -> None:
    for count in (2, 4, 6):
        settings.journal.write_bytes(lines(count))
        journal.ship(settings.store, key, settings.journal)
    settings.store.remove(journal.PLACE, settings.store.names(journal.PLACE)[1])
    with pytest.raises(BackupError, match="piece of the signer's journal is missing"):
        journal.put_together(settings.store, identity)


def test_keys_and_settings_go_when_they_change_but_for_what_is_left_out(
    settings: Settings, key: Recipients, identity: Identity, tmp_path: Path
) -> None:
    settings.journal.write_bytes(lines(1))
    settings.journal.with_name("journal.seen").write_text("seen")
    files = rest.chosen(settings.paths, settings.journal)
    assert [file.name for file in files] == ["journal.seen", "treasury.json"]
    digest, made = rest.ship(settings.store, key, files)
    assert made > 0
    assert rest.ship(settings.store, key, files, last=digest) == (digest, 0)
    (settings.journal.parent / "treasury.json").write_text("another key")
    assert rest.ship(settings.store, key, files, last=digest)[1] > 0

    staged: list[tuple[Path, Path]] = []
    rest.unpack(settings.store, identity, tmp_path / "new", staged)
    places = {place.name: target for target, place in staged}
    assert places["treasury.json"].read_text() == "another key"
    assert places["treasury.json"].name.endswith(rest.STAGED), "nothing has its name yet"
    with pytest.raises(BackupError, match="is there already"):
        rest.unpack(settings.store, identity, Path("/"), [])


def test_a_path_that_isn_t_there_is_said_rather_than_left_out(settings: Settings, tmp_path: Path) -> None:
    settings.paths.write_text(f"{tmp_path / 'etc'}\n/nonexistent/onion\n")
    with pytest.raises(BackupError, match="/nonexistent/onion"):
        rest.chosen(settings.paths, settings.journal)
    settings.paths.write_text("etc/lucid\n")
    with pytest.raises(BackupError, match="absolute"):
        rest.chosen(settings.paths, settings.journal)


def test_the_log_must_follow_without_a_gap(settings: Settings, key: Recipients) -> None:
    names = ["0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000000"]
    assert wal.following(names[1], SEGMENT) == names[2]
    for name in (*names, "000000010000000100000001.00000001.partial", "0000000100000000000000FD"):
        settings.store.put(wal.PLACE, name, [b"wal"], key)
    found = wal.chain(settings.store, names[0], SEGMENT)
    assert found == [*names, "000000010000000100000001.00000001.partial"]
    settings.store.remove(wal.PLACE, names[1])
    with pytest.raises(BackupError, match="0000000100000000000000FF is missing"):
        wal.chain(settings.store, names[0], SEGMENT)
    assert wal.chain(settings.store, names[2], SEGMENT)
    settings.store.remove(wal.PLACE, names[0])
    with pytest.raises(BackupError, match="0000000100000000000000FE is missing"):
        wal.chain(settings.store, names[0], SEGMENT)


def a_base(settings: Settings, key: Recipients, day: int, segment: int) -> Base:
    moment = datetime(2026, 11, day, tzinfo=UTC)
    made = Base(
        name=moment.strftime("%Y%m%dT%H%M%S.%fZ"),
        started_at=moment.isoformat(),
        finished_at=moment.isoformat(),
        start_segment=f"0000000100000000{segment:08X}",
        segment_bytes=SEGMENT,
        major=18,
        superuser="postgres",
        journal=str(settings.journal),
        size=3,
    )
    settings.store.put(base.PLACE, made.name, [b"tar"], key)
    (settings.store.folder / base.PLACE / (made.name + base.FACTS)).write_text(json.dumps(asdict(made)))
    return made


def test_the_last_sound_ones_are_kept_with_the_log_they_need(settings: Settings, key: Recipients) -> None:
    made = [a_base(settings, key, day, segment=day) for day in (1, 2, 3, 4)]
    for segment in range(1, 6):
        settings.store.put(wal.PLACE, f"0000000100000000{segment:08X}", [b"wal"], key)
    settings.store.path(base.PLACE, made[3].name).write_bytes(b"eaten by the disk")
    taking.forget(settings)
    assert base.all_of(settings.store) == made[1:], "the damaged one doesn't count as one of two"
    assert [int(name, 16) & 0xFF for name in settings.store.names(wal.PLACE)] == [2, 3, 4, 5]
    assert [sentence for sentence in taking.verify(settings) if made[3].name in sentence]
    for one in made[1:3]:
        settings.store.path(base.PLACE, one.name).write_bytes(b"eaten, too")
    taking.forget(settings)
    assert len(base.all_of(settings.store)) == 3, "nothing goes while there aren't enough sound ones"


def test_the_newest_backup_before_the_moment_is_chosen(
    settings: Settings, key: Recipients, identity: Identity
) -> None:
    restore = Restore(settings.store, identity, data=settings.folder / "data")
    with pytest.raises(BackupError, match="holds no base backup"):
        restore.choose()
    made = [a_base(settings, key, day, segment=day) for day in (1, 2, 3)]
    assert restore.choose() == made[2]
    assert replace(restore, to=datetime(2026, 11, 2, 12, tzinfo=UTC)).choose() == made[1]
    for moment, said in (
        (datetime(2026, 10, 31, tzinfo=UTC), "oldest"),
        (datetime(2999, 1, 1, tzinfo=UTC), "yet to"),
    ):
        with pytest.raises(BackupError, match=said):
            replace(restore, to=moment).choose()


def test_the_push_command_must_end_well(settings: Settings, tmp_path: Path) -> None:
    settings.folder.mkdir()
    with pytest.raises(BackupError, match=r"BACKUP_PUSH ended with 3: no route closed error 12$"):
        taking.push(
            replace(settings, push=("sh", "-c", "printf '@@\nno route\nclosed\nerror 12\n' >&2; exit 3"))
        )
    taking.push(replace(settings, push=("sh", "-c", f"echo $0 > {tmp_path}/pushed", "{store}")))
    assert (tmp_path / "pushed").read_text().strip() == str(settings.store.folder)
    assert last.told(settings.last)["pushed_at"]
