"""A base backup: the whole cluster as one tar, checked against the manifest that PostgreSQL puts into it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, cast

from deploy.backup import wal
from deploy.backup.age import Readable, Recipients
from deploy.backup.errors import BackupError
from deploy.backup.postgres import Programs, for_programs
from deploy.backup.store import Store
from lucid_payments.private_files import replace_file

PLACE: Final = "base"
FACTS: Final = ".json"
_MANIFEST: Final = "backup_manifest"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Base:
    """What must be known of a base backup to choose it, and which it holds; no secret."""

    name: str
    started_at: str
    finished_at: str
    start_segment: str
    segment_bytes: int
    major: int
    superuser: str
    journal: str
    size: int

    @property
    def finished(self) -> datetime:
        return datetime.fromisoformat(self.finished_at)

    @property
    def timeline(self) -> int:
        return int(self.start_segment[:8], 16)


def take(store: Store, key: Recipients, programs: Programs, database_url: str, journal: Path) -> Base:
    """Take one, verify it as it lies on the disk, and write its facts beside it. Raises BackupError."""
    started = datetime.now(UTC)
    facts = _server(database_url)
    checking = _Tar()
    name = started.strftime("%Y%m%dT%H%M%S.%fZ")
    size = store.put(PLACE, name, _copy_of_the_cluster(programs, database_url), key, checking.check)
    base = Base(
        name=name,
        started_at=started.isoformat(),
        finished_at=datetime.now(UTC).isoformat(),
        start_segment=checking.start_segment,
        journal=str(journal.absolute()),
        size=size,
        **facts,
    )
    replace_file(_facts(store, name), json.dumps(asdict(base), indent=1) + "\n")
    return base


def all_of(store: Store) -> list[Base]:
    """Those that stand whole, oldest first."""
    found = []
    for name in store.names(PLACE):
        try:
            found.append(Base(**json.loads(_facts(store, name).read_text())))
        except FileNotFoundError:
            continue  # ended in between: nobody was told of it
        except (ValueError, TypeError):
            raise BackupError(
                f"{_facts(store, name)} isn't readable: what it says of its backup is lost."
            ) from None
    return found


def remove(store: Store, base: Base) -> None:
    store.remove(PLACE, base.name)
    _facts(store, base.name).unlink(missing_ok=True)


def unpack(plain: Readable, folder: Path) -> None:
    """Lay the cluster's files into `folder`, each checked against the manifest. Raises BackupError."""
    _Tar(folder).check(plain)


def _facts(store: Store, name: str) -> Path:
    return store.folder / PLACE / (name + FACTS)


def _server(database_url: str) -> dict[str, Any]:
    with wal.connected(database_url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000,"
            " pg_size_bytes(current_setting('wal_segment_size')),"
            " (SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1)"
        ).fetchone()
    assert row is not None  # noqa: S101
    return {"major": row[0], "segment_bytes": row[1], "superuser": row[2]}


def _copy_of_the_cluster(programs: Programs, database_url: str) -> Iterator[bytes]:
    """With the WAL of its own making: it can be restored by itself, though only to its own end."""
    url, password = for_programs(database_url)
    command = [programs["pg_basebackup"], "-d", url, "-w", "-D", "-", "-F", "tar", "-X", "fetch"]
    command += ["-c", "fast", "--manifest-checksums=SHA256", "-l", "lucid"]
    with tempfile.TemporaryFile() as said:
        process = programs.popen(command, subprocess.PIPE, errors=said, password=password)
        assert process.stdout is not None  # noqa: S101
        try:
            while chunk := process.stdout.read(_CHUNK):
                yield chunk
        except GeneratorExit:
            process.kill()
            raise
        finally:
            process.stdout.close()
            status = process.wait()
        if status != 0:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise BackupError(f"pg_basebackup: {lines[-1] if lines else 'ended by itself'}")


class _Tar:
    """Reads a base backup through once, and compares each file with what the manifest at its end says."""

    def __init__(self, folder: Path | None = None) -> None:
        self.start_segment = ""
        self._folder = folder
        self._seen: dict[str, tuple[int, str]] = {}

    def check(self, plain: Readable) -> None:
        manifest = b""
        with tarfile.open(fileobj=cast("IO[bytes]", plain), mode="r|") as tar:
            for member in tar:
                content = self._content(tar, member)
                if member.name == _MANIFEST:
                    manifest = content
                elif member.name == "backup_label":
                    self._label(content)
        self._compare(manifest)

    def _content(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        """Small ones whole; of the others digest and size are kept."""
        path = Path(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise BackupError(f"The base backup holds {member.name}, outside of the cluster.")
        place = self._folder / path if self._folder else None
        if member.isdir():
            if place:
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            return b""
        opened = tar.extractfile(member)
        if opened is None or not member.isfile():
            raise BackupError(
                f"The base backup holds {member.name}, which is no file: tablespaces aren't provided for."
            )
        digest, size, kept = hashlib.sha256(), 0, b""
        target = open(place, "xb", opener=_private) if place else None  # noqa: SIM115
        try:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if member.name in (_MANIFEST, "backup_label"):
                    kept += chunk
                if target:
                    target.write(chunk)
        finally:
            if target:
                target.close()
        self._seen[member.name] = (size, digest.hexdigest())
        return kept

    def _label(self, content: bytes) -> None:
        found = re.search(rb"START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)", content)
        self.start_segment = found[1].decode() if found else ""

    def _compare(self, manifest: bytes) -> None:
        body, _, last = manifest.rpartition(b'"Manifest-Checksum"')
        if not self.start_segment or hashlib.sha256(body).hexdigest().encode() not in last:
            raise BackupError("The base backup isn't whole: its label or its manifest is missing or damaged.")
        for told in json.loads(manifest)["Files"]:
            name = told.get("Path") or bytes.fromhex(told["Encoded-Path"]).decode(errors="surrogateescape")
            if self._seen.get(name) != (told["Size"], told["Checksum"]):
                raise BackupError(
                    f"The base backup isn't whole: {name} is missing or differs from its manifest."
                )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
