"""Encrypted, read back, named last: what is in the store can be read, and by the right people alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.backup.age import Identity, Readable, Recipients
from deploy.backup.errors import BackupError
from deploy.backup.store import Store, file_digest

pytestmark = pytest.mark.age
SECRET = b"a word that nobody may read " * 1000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def key(tmp_path: Path, identity: Identity) -> Recipients:
    file = tmp_path / "recipients"
    file.write_text(f"# ann\n{identity.recipient}\n")
    return Recipients(file)


def content(store: Store, identity: Identity, name: str = "one") -> bytes:
    with identity.opened(store.path("rest", name)) as plain:
        return plain.read()


def test_what_is_stored_is_read_by_the_private_key_alone(
    store: Store, key: Recipients, identity: Identity
) -> None:
    store.put("rest", "one", [SECRET], key)
    assert store.names("rest") == ["one"]
    assert content(store, identity) == SECRET
    assert SECRET[:20] not in store.path("rest", "one").read_bytes()
    with pytest.raises(BackupError, match="encrypted to other keys"):
        content(store, Identity.fresh())


@pytest.mark.parametrize("harm", ["a byte", "its end"])
def test_a_damaged_file_is_noticed_with_and_without_the_key(
    store: Store, key: Recipients, identity: Identity, harm: str
) -> None:
    store.put("rest", "one", [os.urandom(200_000)], key)
    assert store.sound("rest", "one")
    file = store.path("rest", "one")
    whole = file.read_bytes()
    file.write_bytes(whole[:-50] if harm == "its end" else whole[:150_000] + b"x" + whole[150_001:])
    assert not store.sound("rest", "one")
    with pytest.raises(BackupError, match=r"one\.gz\.age is damaged"):
        content(store, identity)


def test_what_was_never_finished_doesn_t_count_and_goes(store: Store, key: Recipients) -> None:
    store.put("rest", "one", [SECRET], key)
    unfinished = store.folder / "rest" / ".unfinished-abc"
    unfinished.write_bytes(b"half")
    # Its name was given, and the machine stopped before its sum was written.
    (store.folder / "rest" / "two.gz.age").write_bytes(b"half")
    assert store.names("rest") == ["one"]
    store.sweep("rest")
    assert not unfinished.exists()


def test_a_source_that_fails_leaves_nothing_and_spares_what_was_there(store: Store, key: Recipients) -> None:
    store.put("rest", "one", [SECRET], key)

    def half() -> Iterator[bytes]:
        yield SECRET
        raise BackupError("the server went away")

    def wrong(plain: Readable) -> None:
        raise BackupError("not whole")

    before = {file.name: file_digest(file) for file in (store.folder / "rest").iterdir()}
    with pytest.raises(BackupError, match="went away"):
        store.put("rest", "two", half(), key)
    with pytest.raises(BackupError, match="not whole"):
        store.put("rest", "two", [SECRET], key, wrong)
    assert {file.name: file_digest(file) for file in (store.folder / "rest").iterdir()} == before


def test_a_disk_that_loses_bytes_is_noticed_before_the_file_gets_its_name(
    store: Store, key: Recipients, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypt = Recipients.encrypt

    def lossy(self: Recipients, plain: Iterator[bytes], target: object) -> str:
        told = encrypt(self, plain, target)  # type: ignore[arg-type]
        os.ftruncate(target.fileno(), 400)  # type: ignore[attr-defined]
        return told

    monkeypatch.setattr(Recipients, "encrypt", lossy)
    with pytest.raises(BackupError, match="damaged"):
        store.put("rest", "one", [os.urandom(5000)], key)
    assert store.names("rest") == []
    assert list((store.folder / "rest").iterdir()) == []


@pytest.mark.prove
def test_a_full_disk_is_said_in_one_line_and_what_was_there_stays(
    tmp_path: Path, key: Recipients, identity: Identity
) -> None:
    """A real one, which takes root to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "lucid-small", str(disk)], check=True)
    try:
        store = Store(disk / "store")
        store.put("rest", "one", [SECRET], key)
        with pytest.raises(BackupError, match=r"The disk that holds .* is full"):
            store.put("rest", "two", (os.urandom(1 << 20) for _ in range(3)), key)
        assert store.names("rest") == ["one"]
        assert content(store, identity) == SECRET
        assert not list((store.folder / "rest").glob(".unfinished-*"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_private_key_on_the_machine_is_refused(tmp_path: Path, identity: Identity) -> None:
    file = tmp_path / "recipients"
    for text, said in ((identity.text, "private key"), ("# nobody\n", "no public key")):
        file.write_text(text)
        with pytest.raises(BackupError, match=said):
            Recipients(file)
    file.write_text("age1notakey\n")
    with pytest.raises(BackupError, match="age: "):
        Store(tmp_path / "store").put("rest", "one", [SECRET], Recipients(file))


def test_a_private_key_comes_from_a_file_and_shows_itself_nowhere(tmp_path: Path, identity: Identity) -> None:
    file = tmp_path / "key"
    file.write_text(identity.text)
    assert Identity.asked_for(str(file)).text == identity.text
    assert "AGE-SECRET" not in repr(identity)
    file.write_text(identity.recipient)
    with pytest.raises(BackupError, match="no private key"):
        Identity.asked_for(str(file))
