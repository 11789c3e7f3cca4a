"""The folder that goes off the machine: encrypted files, each written once under a name of its own.

A file counts when its `.sha256` stands beside it, in sha256sum's form; that is written last. What a process left
behind when it was ended is no backup, and never takes the place of one.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.backup.age import Readable, Recipients
from deploy.backup.errors import BackupError, one_clear_line
from lucid_payments.private_files import private_folder, replace_file

SEALED: Final = ".gz.age"
SUM: Final = ".sha256"
UNFINISHED: Final = ".unfinished-"
_CHUNK: Final = 1 << 20

Check = Callable[[Readable], None]


@dataclass(frozen=True)
class Store:
    """`base/`, `wal/`, `journal/` and `rest/` under `folder`."""

    folder: Path

    def names(self, place: str) -> list[str]:
        """What stands whole in one of its folders, in order of names, without their endings."""
        folder = self.folder / place
        if not folder.is_dir():
            return []
        return sorted(
            file.name.removesuffix(SEALED + SUM)
            for file in folder.iterdir()
            if file.name.endswith(SEALED + SUM) and file.with_name(file.name.removesuffix(SUM)).exists()
        )

    def path(self, place: str, name: str) -> Path:
        return self.folder / place / (name + SEALED)

    def put(
        self, place: str, name: str, plain: Iterable[bytes], key: Recipients, check: Check | None = None
    ) -> int:
        """Encrypt `plain`, read all of it back from the disk, and give it its name; answers its size.

        `check` may judge the content as it is read back. Raises BackupError; then nothing of it is left.
        """
        folder = private_folder(self.folder / place)
        target = self.path(place, name)
        with one_clear_line(folder):
            descriptor, unfinished = tempfile.mkstemp(dir=folder, prefix=UNFINISHED)
            temporary = Path(unfinished)
            try:
                with os.fdopen(descriptor, "wb") as opened:
                    written = key.encrypt(plain, opened)
                    os.fsync(opened.fileno())
                _read_back(temporary, key, written, check)
                told = file_digest(temporary)
                size = temporary.stat().st_size
                temporary.rename(target)
                replace_file(_sum(target), f"{told}  {target.name}\n")
            except BaseException:
                temporary.unlink(missing_ok=True)
                if not _sum(target).exists():
                    target.unlink(missing_ok=True)
                raise
        return size

    def sound(self, place: str, name: str) -> bool:
        """Whether its bytes are still those that were verified."""
        file = self.path(place, name)
        try:
            return _sum(file).read_text().split()[0] == file_digest(file)
        except (OSError, IndexError):
            return False

    def remove(self, place: str, name: str) -> None:
        """Its sum first: what is left by a crash in between counts no more."""
        file = self.path(place, name)
        _sum(file).unlink(missing_ok=True)
        file.unlink(missing_ok=True)

    def sweep(self, place: str) -> None:
        """Remove what an ended process left unfinished there. Only whoever is alone in writing there may."""
        folder = self.folder / place
        for left in folder.glob(UNFINISHED + "*") if folder.is_dir() else ():
            left.unlink(missing_ok=True)


def file_digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sum(file: Path) -> Path:
    return file.with_name(file.name + SUM)


class _Hashed:
    """Reads on, and remembers the digest of what was read."""

    def __init__(self, plain: Readable) -> None:
        self._plain = plain
        self.digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._plain.read(size)
        self.digest.update(chunk)
        return chunk


def _read_back(file: Path, key: Recipients, written: str, check: Check | None) -> None:
    with key.own.opened(file) as plain:
        hashed = _Hashed(plain)
        if check is not None:
            check(hashed)
        while hashed.read(_CHUNK):
            pass
    if hashed.digest.hexdigest() != written:
        raise BackupError(
            f"What was read back from {file.parent} isn't what was written there: look at the disk."
        )
