"""The ring of key-encryption keys (KEKs), and the key of the blind index: one private file outside the database.

One KEK is current and wraps; the next one is known before it does; retiring ones still unwrap. Stands on the file
alone, since it is made before there is a database; the vault reads it through `vault.keys`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from lucid_payments.private_files import PRIVATE_FILE, private_folder, replace_file

KEY_BYTES: Final = 32
MAXIMUM_BYTES: Final = 64 * 1024
# A request that began before a rotation may still store a data key under the old KEK; none lasts so long.
SETTLED_SECONDS: Final = 900


class KeyRingError(Exception):
    """The ring can't be read, or can't be changed like that; the text says why and what would do."""


class KekState(StrEnum):
    NEXT = "next"
    CURRENT = "current"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class Kek:
    """`kek_id` follows from the key, so that a damaged key shows; `since` is in epoch seconds."""

    kek_id: str
    state: KekState
    since: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys as they are now. Each change answers the ring after it, which `write` stores."""

    keys: tuple[Kek, ...]
    blind_key: bytes = field(repr=False)

    @property
    def current(self) -> Kek:
        return next(kek for kek in self.keys if kek.state == KekState.CURRENT)

    def get(self, kek_id: str) -> Kek:
        """Raises KeyRingError for a key that the ring doesn't have."""
        found = next((kek for kek in self.keys if kek.kek_id == kek_id), None)
        if found is None:
            raise KeyRingError(f"The ring has no key {kek_id}.")
        return found

    def added(self) -> Ring:
        """With the next key. Raises KeyRingError while there is one."""
        if any(kek.state == KekState.NEXT for kek in self.keys):
            raise KeyRingError("There is a next key already: rotate to it, or drop it.")
        return replace(self, keys=(*self.keys, _made(KekState.NEXT)))

    def rotated(self) -> Ring:
        """The next key wraps from now on. Raises KeyRingError without one."""
        following = next((kek for kek in self.keys if kek.state == KekState.NEXT), None)
        if following is None:
            raise KeyRingError("There is no next key: add one first, and give the file to every machine.")
        now = int(time.time())
        retiring = [kek for kek in self.keys if kek.state == KekState.RETIRING]
        before = replace(self.current, state=KekState.RETIRING, since=now)
        return replace(self, keys=(*retiring, before, replace(following, state=KekState.CURRENT, since=now)))

    def dropped(self, kek_id: str) -> Ring:
        """Without that key. Raises KeyRingError for the current one and one that retired minutes ago."""
        kek = self.get(kek_id)
        if kek.state == KekState.CURRENT:
            raise KeyRingError("This key is the current one: add another and rotate first.")
        waits = SETTLED_SECONDS - (int(time.time()) - kek.since)
        if kek.state == KekState.RETIRING and waits > 0:
            raise KeyRingError(f"A request from before the rotation may still use it. Wait {waits} s.")
        return replace(self, keys=tuple(other for other in self.keys if other.kek_id != kek_id))


def load(file: Path) -> Ring:
    """Raises KeyRingError unless `file` is private (0600) and holds whole keys, one of them current."""
    try:
        if file.stat().st_mode & 0o077:
            raise KeyRingError(f"{file} is open to others: `chmod 600` it, and see who could read it.")
        with file.open("rb") as opened:
            content = json.loads(opened.read(MAXIMUM_BYTES))
        keys = tuple(_read(entry) for entry in content["keys"])
        blind_id, blind_key = content["blind"]["id"], bytes.fromhex(content["blind"]["key"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise KeyRingError(f"{file} holds no key ring that can be read ({type(error).__name__}).") from None
    if _name_of("blind", blind_key) != blind_id:
        raise KeyRingError(f"{file}: the key {blind_id} is damaged.")
    if sum(kek.state == KekState.CURRENT for kek in keys) != 1:
        raise KeyRingError(f"{file} must name exactly one current key.")
    if len({kek.kek_id for kek in keys}) != len(keys):
        raise KeyRingError(f"{file} names a key twice.")
    return Ring(keys, blind_key)


def create(file: Path) -> Ring:
    """The ring of a new installation, with one KEK; the one that is there, where there is one."""
    with changing(file):
        if file.exists():
            return load(file)
        ring = Ring((_made(KekState.CURRENT),), secrets.token_bytes(KEY_BYTES))
        write(file, ring)
        return ring


def write(file: Path, ring: Ring) -> None:
    keys = [
        {"id": kek.kek_id, "state": kek.state, "since": kek.since, "key": kek.key.hex()} for kek in ring.keys
    ]
    blind = {"id": _name_of("blind", ring.blind_key), "key": ring.blind_key.hex()}
    replace_file(file, json.dumps({"keys": keys, "blind": blind}, indent=2) + "\n")


@contextmanager
def changing(file: Path) -> Iterator[None]:
    """Whoever reads the ring to change it does so in here, one at a time: else a new key could get lost."""
    if not file.parent.exists():
        private_folder(file.parent)
    descriptor = os.open(file.with_name(f".{file.name}.lock"), os.O_CREAT | os.O_RDWR, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(entry: dict[str, Any]) -> Kek:
    key = bytes.fromhex(entry["key"])
    kek = Kek(str(entry["id"]), KekState(entry["state"]), int(entry["since"]), key)
    if _name_of("kek", key) != kek.kek_id:
        raise KeyRingError(f"The key {kek.kek_id} is damaged.")
    return kek


def _made(state: KekState) -> Kek:
    key = secrets.token_bytes(KEY_BYTES)
    return Kek(_name_of("kek", key), state, int(time.time()), key)


def _name_of(kind: str, key: bytes) -> str:
    """The first 64 bits of a hash: it names the key, and says nothing about 256 random ones."""
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return f"{kind}_{hashlib.sha256(f'lucid/vault/{kind}/v1'.encode() + bytes(1) + key).hexdigest()[:16]}"
