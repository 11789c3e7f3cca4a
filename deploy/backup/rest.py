"""What isn't in the database: key files, key rings, onion keys, settings, and the files beside the signer's journal.

Which, says a list of paths, one a line; a folder means all in it; `- path` leaves out. Copied whenever it changed.
"""

from __future__ import annotations

import grp
import hashlib
import io
import os
import pwd
import tarfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, cast

from deploy.backup.age import Identity, Recipients
from deploy.backup.errors import BackupError, one_clear_line
from deploy.backup.store import Store
from lucid_payments.private_files import private_folder

PLACE: Final = "rest"
STAGED: Final = ".restoring"
_MOST_BYTES: Final = 64 * 1024 * 1024


def chosen(paths_file: Path, journal: Path) -> list[Path]:
    """Every file that is copied, in order, the journal's companions among them. Raises BackupError."""
    wanted: list[Path] = []
    left_out: list[Path] = []
    with one_clear_line(paths_file):
        lines = [line.strip() for line in paths_file.read_text().splitlines()]
    for line in lines:
        if line and not line.startswith("#"):
            path = Path(line.removeprefix("- "))
            if not path.is_absolute():
                raise BackupError(f"BACKUP_PATHS_FILE: {line} isn't an absolute path.")
            (left_out if line.startswith("- ") else wanted).append(path)
    missing = [str(path) for path in wanted if not path.exists()]
    if missing:
        raise BackupError(f"BACKUP_PATHS_FILE names what isn't there: {', '.join(missing)}.")
    companions = journal.parent.glob(journal.name + ".*")
    found = {file for path in [*wanted, *companions] for file in _files(path)} - {journal}
    return sorted(file for file in found if not any(file == out or out in file.parents for out in left_out))


def ship(store: Store, key: Recipients, files: list[Path], *, last: str = "") -> tuple[str, int]:
    """Copy all of them if any has changed since the copy with the digest `last`; answers digest and bytes made."""
    with one_clear_line(Path("/")):
        packed = _packed(files)
    digest = hashlib.sha256(packed).hexdigest()
    if digest == last:
        return digest, 0
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return digest, store.put(PLACE, name, [packed], key)


def forget(store: Store, *, before: str, keep: int) -> None:
    """Remove copies from before the oldest base backup, but never one of the last `keep`."""
    for name in store.names(PLACE)[:-keep]:
        if name < before:
            store.remove(PLACE, name)


def unpack(store: Store, identity: Identity, root: Path, staged: list[tuple[Path, Path]]) -> None:
    """Lay the newest copy down beside where it belongs, into `staged` as (what lies there, its place).

    Raises BackupError, also where something has the place already.
    """
    names = store.names(PLACE)
    if not names:
        raise BackupError("The backup holds no keys and settings (rest/): it isn't a whole one.")
    with (
        identity.opened(store.path(PLACE, names[-1])) as plain,
        tarfile.open(fileobj=cast("IO[bytes]", plain), mode="r|") as tar,
    ):
        for member in tar:
            _unpack_one(tar, member, root, staged)


def stage(content: bytes, place: Path, staged: list[tuple[Path, Path]]) -> None:
    """One more file, private, with its folder's owner."""
    if place.exists():
        raise BackupError(f"{place} is there already: a restore replaces nothing. Nothing was changed.")
    if not place.parent.exists():
        private_folder(place.parent)
    target = place.with_name(place.name + STAGED)
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    staged.append((target, place))
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    owner = place.parent.stat()
    if os.geteuid() == 0:
        os.chown(target, owner.st_uid, owner.st_gid)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file() and not file.name.endswith(STAGED)]
    return [path]


def _packed(files: list[Path]) -> bytes:
    """A tar of them; the same files make the same bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in sorted({parent for file in files for parent in file.parents if parent != Path("/")}):
            tar.addfile(_told(tar, folder))
        for file in files:
            content = file.read_bytes()
            told = _told(tar, file)
            told.type, told.size, told.linkname = tarfile.REGTYPE, len(content), ""
            tar.addfile(told, io.BytesIO(content))
            if target.tell() > _MOST_BYTES:
                raise BackupError(
                    f"BACKUP_PATHS_FILE names more than {_MOST_BYTES >> 20} MiB: that is no keys."
                )
    return target.getvalue()


def _told(tar: tarfile.TarFile, path: Path) -> tarfile.TarInfo:
    told = tar.gettarinfo(str(path))
    if path.is_dir():
        told.type, told.mtime = tarfile.DIRTYPE, 0  # a folder's time changes with what isn't copied
    return told


def _unpack_one(
    tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path, staged: list[tuple[Path, Path]]
) -> None:
    path = Path(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise BackupError(f"The backup's rest holds {member.name}, outside of where it is restored to.")
    place = root / path
    if member.isdir():
        if not place.exists():
            place.mkdir(mode=member.mode, parents=True)
            _give(place, member)
        return
    opened = tar.extractfile(member)
    if opened is None:
        raise BackupError(f"The backup's rest holds {member.name}, which is no file.")
    stage(opened.read(), place, staged)
    target = staged[-1][0]
    target.chmod(member.mode)
    _give(target, member)


def _give(path: Path, member: tarfile.TarInfo) -> None:
    """To the account of the same name, where this machine has it; numbers differ from machine to machine."""
    if os.geteuid() != 0:
        return
    with suppress(KeyError):
        os.chown(path, pwd.getpwnam(member.uname).pw_uid, grp.getgrnam(member.gname).gr_gid)
