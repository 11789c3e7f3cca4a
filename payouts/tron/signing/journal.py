"""The signer's journal: a file outside the database that says what was signed, written before it leaves.

One line per signature: `<digest> <JSON>`, where the digest is SHA-256 over the line before's digest and this
JSON. An altered, missing or moved line breaks the chain behind it and the journal is refused. Only a last
line without its end, which a crash while writing leaves and whose signature never left, is cut off.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from payouts.tron.signing.caps import DAY_MS
from payouts.tron.signing.errors import JournalError
from payouts.tron.sweep import is_sweep
from payouts.tron.transfer import TransferIntent

GENESIS: Final = "0" * 64
_DIGEST_LENGTH: Final = 64
_READ_SIZE: Final = 1 << 20
_MACHINE_ID: Final = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class Entry:
    """One signature: when (UTC milliseconds), for what (USDT base units; sun for a sweep of TRX), the exact bytes."""

    seq: int
    time_ms: int
    payout_id: str
    attempt_id: str
    txid: str
    recipient: str
    amount: int
    expiration_ms: int
    raw_data: str = field(repr=False)


@dataclass(slots=True)
class _Index:
    """What must be answered without reading the file again."""

    last_seq: int = 0
    head: str = GENESIS
    by_attempt: dict[str, str] = field(default_factory=dict)
    offset_by_txid: dict[str, int] = field(default_factory=dict)
    # The longest-living signature of each payout: (expiration_ms, txid).
    latest_by_payout: dict[str, tuple[int, str]] = field(default_factory=dict)
    recent: deque[tuple[int, int]] = field(default_factory=deque)
    newest_ms: int = 0

    def add(self, entry: Entry, offset: int, digest: str) -> None:
        self.last_seq = entry.seq
        self.head = digest
        self.by_attempt[entry.attempt_id] = entry.txid
        self.offset_by_txid[entry.txid] = offset
        held = self.latest_by_payout.get(entry.payout_id, (0, ""))
        self.latest_by_payout[entry.payout_id] = max(held, (entry.expiration_ms, entry.txid))
        # A sweep counts for no cap: it goes to the key's own destination alone.
        if not is_sweep(entry.payout_id):
            self.recent.append((entry.time_ms, entry.amount))
        self.newest_ms = max(self.newest_ms, entry.time_ms)
        while self.recent and self.recent[0][0] <= self.newest_ms - DAY_MS:
            self.recent.popleft()


class Journal:
    """The open journal. One process at a time: a second one is refused while the first has it.

    Raises `JournalError` with code `LOCKED`, `BROKEN`, `UNWRITABLE`. `repaired` says, in a sentence, what was
    cut off at opening; "" if nothing was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repaired = ""
        self._failed = False
        self._index = _Index()
        self._descriptor = _open_locked(path)
        try:
            self._size = self._load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives the journal, and its lock, up."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._index.last_seq

    def __contains__(self, txid: str) -> bool:
        return txid in self._index.offset_by_txid

    @property
    def head(self) -> str:
        """The last line's digest. Kept elsewhere too, it shows that the file's end was cut off."""
        return self._index.head

    @property
    def place(self) -> str:
        """Which file on which machine this is: a copy of it, or one begun anew, is another."""
        machine = _MACHINE_ID.read_bytes() if _MACHINE_ID.exists() else b""
        return hashlib.sha256(b"%s %d" % (machine, os.fstat(self._descriptor).st_ino)).hexdigest()

    def txid_of_attempt(self, attempt_id: str) -> str:
        """The transaction signed for an attempt, "" if none was."""
        return self._index.by_attempt.get(attempt_id, "")

    def latest_of_payout(self, payout_id: str) -> tuple[int, str]:
        """Expiration (ms) and txid of the payout's longest-living signature; (0, "") if there is none."""
        return self._index.latest_by_payout.get(payout_id, (0, ""))

    def signed_since(self, time_ms: int) -> int:
        """Base units signed for after `time_ms`, which may be at most a day before the newest entry.

        Entries later than the caller's clock count too, so that turning it back frees nothing.
        """
        return sum(amount for at, amount in self._index.recent if at > time_ms)

    def find(self, txid: str) -> Entry | None:
        """The entry of a transaction, read from the file."""
        offset = self._index.offset_by_txid.get(txid)
        if offset is None:
            return None
        chunk = os.pread(self._descriptor, _READ_SIZE, offset)
        return _parse(chunk[: chunk.index(b"\n")])[1]

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """All entries with a higher `seq`, in order, read from the file."""
        for _, line in _lines(self._descriptor):
            entry = _parse(line)[1]
            if entry.seq > after_seq:
                yield entry

    def append(self, intents: Sequence[TransferIntent], *, now_ms: int) -> list[Entry]:
        """Writes one entry for each intent and returns when the disk has them all: one fsync for the batch.

        Raises `JournalError` if that failed; then nothing may be signed. What didn't fit on the disk is cut off
        again, and the next append may succeed; after a failed fsync the journal takes no more until it is opened
        anew.
        """
        if not intents:
            return []
        if self._failed:
            raise JournalError(
                "UNWRITABLE", "The journal failed before; open it again after a look at the disk."
            )
        entries = [_entry(self._index.last_seq + n, intent, now_ms) for n, intent in enumerate(intents, 1)]
        lines = _chained(entries, self._index.head)
        self._write(b"".join(line for _, line in lines))
        for entry, (digest, line) in zip(entries, lines, strict=True):
            self._index.add(entry, self._size, digest)
            self._size += len(line)
        return entries

    def _write(self, data: bytes) -> None:
        try:
            if os.fstat(self._descriptor).st_nlink == 0:
                raise OSError("the file was deleted")
            written = os.write(self._descriptor, data)
            if written != len(data):
                raise OSError("the disk is full")
        except OSError as error:
            self._cut_back()
            raise JournalError("UNWRITABLE", f"The journal can't be written: {error}.") from None
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            # Nobody knows now what the disk holds: only reading it anew tells.
            self._failed = True
            raise JournalError("UNWRITABLE", f"The journal can't be written: {error}.") from None

    def _cut_back(self) -> None:
        """To the last line that the disk has: a disk that was full for a while must not need a person."""
        try:
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)
        except OSError:
            self._failed = True

    def _load(self) -> int:
        """Checks and indexes the whole file, cuts an unfinished last line, returns the size."""
        end = 0
        for offset, line in _lines(self._descriptor):
            digest, entry = _parse(line)
            chained = chained_digest(self._index.head, line[_DIGEST_LENGTH + 1 :])
            if digest != chained or entry.seq != self._index.last_seq + 1:
                raise JournalError("BROKEN", f"The journal {self.path} is broken at byte {offset}.")
            self._index.add(entry, offset, digest)
            end = offset + len(line) + 1
        size = os.fstat(self._descriptor).st_size
        if size > end:
            os.ftruncate(self._descriptor, end)
            os.fsync(self._descriptor)
            self.repaired = (
                f"Cut {size - end} bytes of an unfinished line behind entry {self._index.last_seq} "
                f"of {self.path}: its signature never left."
            )
        return end


def _open_locked(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_new:
            directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(directory)
            os.close(directory)
    except BlockingIOError:
        os.close(descriptor)
        raise JournalError("LOCKED", f"Another process signs with the journal {path}.") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _entry(seq: int, intent: TransferIntent, now_ms: int) -> Entry:
    return Entry(
        seq=seq,
        time_ms=now_ms,
        payout_id=intent.payout_id,
        attempt_id=intent.attempt_id,
        txid=intent.txid,
        recipient=intent.recipient,
        amount=intent.amount,
        expiration_ms=intent.expiration_ms,
        raw_data=intent.raw_data.hex(),
    )


def _chained(entries: Sequence[Entry], head: str) -> list[tuple[str, bytes]]:
    lines = []
    for entry in entries:
        body = json.dumps(asdict(entry), separators=(",", ":")).encode("ascii")
        head = chained_digest(head, body)
        lines.append((head, head.encode("ascii") + b" " + body + b"\n"))
    return lines


def chained_digest(before: str, body: bytes) -> str:
    """What stands before a line: SHA-256 over the digest of the line before it and its own JSON."""
    return hashlib.sha256(before.encode("ascii") + body).hexdigest()


def _parse(line: bytes) -> tuple[str, Entry]:
    try:
        return line[:_DIGEST_LENGTH].decode("ascii"), Entry(**json.loads(line[_DIGEST_LENGTH + 1 :]))
    except (ValueError, TypeError):
        raise JournalError("BROKEN", "The journal holds a line that isn't an entry.") from None


def _lines(descriptor: int) -> Iterator[tuple[int, bytes]]:
    """Each finished line with its offset, without its end."""
    offset, held = 0, b""
    while chunk := os.pread(descriptor, _READ_SIZE, offset + len(held)):
        held += chunk
        *lines, held = held.split(b"\n")
        for line in lines:
            yield offset, line
            offset += len(line) + 1
