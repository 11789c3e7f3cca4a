"""The write-ahead log: received as it is written, encrypted, and known to be without a gap."""

from __future__ import annotations

import hashlib
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import psycopg

from deploy.backup.age import Recipients
from deploy.backup.errors import BackupError
from deploy.backup.postgres import Programs, for_programs
from deploy.backup.store import Store
from lucid_payments.private_files import private_folder

PLACE: Final = "wal"
SLOT: Final = "lucid_backup"
# Of a segment that is still written: `<segment>.<number>.partial`, the highest number counts.
PARTIAL: Final = ".partial"
_SEGMENT: Final = re.compile(r"[0-9A-F]{24}")
_HISTORY: Final = re.compile(r"[0-9A-F]{8}\.history")
_RECEIVED_WITHIN: Final = 15.0


@contextmanager
def connected(database_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            yield connection
    except psycopg.Error as error:
        told = str(error).strip().splitlines()
        raise BackupError(f"PostgreSQL: {told[0] if told else type(error).__name__}") from None


class Receiver:
    """`pg_receivewal` into the spool. The slot keeps what wasn't received yet, also while nobody receives."""

    def __init__(self, programs: Programs, database_url: str, spool: Path) -> None:
        self._programs, self._url, self._spool = programs, database_url, private_folder(spool)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = spool / "receiver.log"

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        with connected(self._url) as connection:
            known = "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s"
            if connection.execute(known, [SLOT]).fetchone() is None:
                # Reserved at once: from here on nothing is thrown away before it was received.
                connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        url, password = for_programs(self._url)
        command = [self._programs["pg_receivewal"], "-d", url, "-w", "-D", str(self._spool)]
        command += ["-S", SLOT, "--synchronous", "--no-loop"]
        with open(self._log, "wb") as log:
            self._process = self._programs.popen(command, log, password=password)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def catch_up(self) -> None:
        """Wait until all that is on the server's disk now is on ours. Raises BackupError."""
        with connected(self._url) as connection:
            (written,) = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone() or ("0/0",)
            deadline = time.monotonic() + _RECEIVED_WITHIN
            while True:
                reached = connection.execute(
                    "SELECT restart_lsn >= %s::pg_lsn, wal_status FROM pg_replication_slots WHERE slot_name = %s",
                    [written, SLOT],
                ).fetchone()
                if reached is not None and reached[0]:
                    return
                self._still_receiving(reached)
                if time.monotonic() > deadline:
                    raise BackupError(
                        f"WAL isn't received: PostgreSQL stands at {written}, the backup is behind it."
                    )
                time.sleep(0.05)

    def _still_receiving(self, slot: tuple[Any, ...] | None) -> None:
        if slot is not None and slot[1] in ("lost", "unreserved"):
            raise BackupError(
                "PostgreSQL has thrown away WAL that wasn't backed up: drop the slot "
                f"{SLOT}, start this again, and take a base backup at once."
            )
        if self._process is not None and self._process.poll() is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            self.start()
            raise BackupError(f"pg_receivewal: {lines[-1] if lines else 'ended by itself'}")


@dataclass
class Shipping:
    """From the spool to the store, segment by segment."""

    store: Store
    key: Recipients
    spool: Path
    _newest: tuple[str, str] = field(default=("", ""))

    def ship(self) -> int:
        """Encrypt what is new; answers how many bytes that made."""
        made = 0
        names = sorted(file.name for file in self.spool.iterdir())
        for name in names:
            if _HISTORY.fullmatch(name) or _SEGMENT.fullmatch(name):
                made += self._whole(name)
        for name in names:
            if name.endswith(PARTIAL):
                made += self._part(name.removesuffix(PARTIAL))
        return made

    def _whole(self, name: str) -> int:
        made = 0
        if name not in self.store.names(PLACE):
            made = self.store.put(PLACE, name, _chunks(self.spool / name), self.key)
        for part in self._parts(name):
            self.store.remove(PLACE, part)
        (self.spool / name).unlink()
        return made

    def _part(self, segment: str) -> int:
        try:
            content = (self.spool / (segment + PARTIAL)).read_bytes()
        except FileNotFoundError:
            return 0  # it was finished since the folder was read: the next round has it whole
        digest = hashlib.sha256(content).hexdigest()
        if self._newest == (segment, digest):
            return 0
        before = self._parts(segment)
        number = int(before[-1].split(".")[1]) + 1 if before else 1
        made = self.store.put(PLACE, f"{segment}.{number:08}{PARTIAL}", [content], self.key)
        self._newest = (segment, digest)
        for part in before[:-1]:  # one more stays, should the newest not arrive whole elsewhere
            self.store.remove(PLACE, part)
        return made

    def _parts(self, segment: str) -> list[str]:
        return [n for n in self.store.names(PLACE) if n.startswith(segment + ".") and n.endswith(PARTIAL)]


def chain(store: Store, start: str, segment_bytes: int) -> list[str]:
    """The names in the store that follow one another from segment `start` on, in its timeline.

    Raises BackupError where one is missing between it and the newest.
    """
    names = store.names(PLACE)
    whole = {name for name in names if _SEGMENT.fullmatch(name)}
    parts = {name[:24]: name for name in names if name.endswith(PARTIAL)}
    later = [name for name in (*whole, *parts) if name[:8] == start[:8] and name >= start]
    found, segment = [], start
    while segment in whole or segment in parts:
        found.append(segment if segment in whole else parts[segment])
        if segment not in whole:
            break
        segment = following(segment, segment_bytes)
    if later and max(later) > (found[-1][:24] if found else ""):
        raise BackupError(
            f"The WAL segment {segment} is missing: nothing after it can be restored from this backup."
        )
    return found


def following(segment: str, segment_bytes: int) -> str:
    """The name of the segment after this one."""
    per_file = (1 << 32) // segment_bytes
    number = int(segment[8:16], 16) * per_file + int(segment[16:], 16) + 1
    return f"{segment[:8]}{number // per_file:08X}{number % per_file:08X}"


def _chunks(file: Path) -> Iterator[bytes]:
    opened: IO[bytes]
    with open(file, "rb") as opened:
        while chunk := opened.read(1 << 20):
            yield chunk
