"""One round of the archive, and one base backup, each with its entry in `last.json` and its way off the machine."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.backup import base, journal, last, rest, wal
from deploy.backup.age import Recipients
from deploy.backup.base import Base
from deploy.backup.errors import BackupError
from deploy.backup.postgres import programs
from deploy.backup.settings import Settings
from deploy.backup.wal import Receiver, Shipping

# A third of the promised minute: a round, and the way to the other machine, fit into the rest.
EVERY: Final = 20.0
_PUSH_WITHIN: Final = 3600


@dataclass
class Archive:
    """Log, journal, keys and settings, round by round, in that order: what is copied later is never older."""

    settings: Settings
    key: Recipients
    receiver: Receiver
    _rest: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._shipping = Shipping(self.settings.store, self.key, self.settings.spool)

    def round(self) -> None:
        """Raises BackupError, after it is written into `last.json`."""
        settings, asked = self.settings, last.now()
        try:
            self.receiver.catch_up()
            self._shipping.ship()
            journal.ship(settings.store, self.key, settings.journal)
            files = rest.chosen(settings.paths, settings.journal)
            self._rest, _ = rest.ship(settings.store, self.key, files, last=self._rest)
            push(settings)
        except BackupError as error:
            last.note(settings.last, archive_error=str(error))
            raise
        last.note(settings.last, archived_at=asked, archive_error="")


def archive_for_ever(settings: Settings, report: Any) -> None:
    """A round every 20 seconds. What fails is said, and tried again: the slot keeps what waits."""
    settings.prepare()
    key = Recipients(settings.recipients)
    for place in (wal.PLACE, journal.PLACE, rest.PLACE):
        settings.store.sweep(place)
    with Receiver(programs(settings.binaries), settings.database_url, settings.spool) as receiver:
        archive = Archive(settings, key, receiver)
        said = ""
        while True:
            began = time.monotonic()
            try:
                archive.round()
                said = ""
            except BackupError as error:
                if str(error) != said:
                    said = str(error)
                    report(said)
            time.sleep(max(0.0, EVERY - (time.monotonic() - began)))


def take_base(settings: Settings) -> Base:
    """A base backup, verified; then the journal whole, and what is too old for the last ones goes.

    Raises BackupError, after it is written into `last.json`; then the backups before stay as they were.
    """
    settings.prepare()
    store = settings.store
    try:
        with last.alone(settings.folder / "base.lock"):
            store.sweep(base.PLACE)
            key = Recipients(settings.recipients)
            taken = base.take(
                store, key, programs(settings.binaries), settings.database_url, settings.journal
            )
            journal.ship(store, key, settings.journal, whole=True)
            wrong = verify(settings)
            forget(settings)
            push(settings)
    except BackupError as error:
        last.note(settings.last, error=str(error), tried_at=last.now())
        raise
    last.note(
        settings.last,
        time=last.now(),
        name=taken.name,
        size=taken.size,
        verified=True,
        kept=len(base.all_of(store)),
        damaged=wrong,
        error="",
        tried_at=last.now(),
    )
    return taken


def verify(settings: Settings) -> list[str]:
    """Read every file's bytes again, and look for gaps in the log; a sentence for each thing that is wrong."""
    store = settings.store
    wrong = [
        f"{place}/{name} isn't what was verified when it was written."
        for place in (base.PLACE, wal.PLACE, journal.PLACE, rest.PLACE)
        for name in store.names(place)
        if not store.sound(place, name)
    ]
    for kept in base.all_of(store):
        try:
            archived = wal.chain(store, kept.start_segment, kept.segment_bytes)
            if not archived and last.told(settings.last).get("archived_at", "") > kept.finished_at:
                wrong.append(f"base/{kept.name}: none of its log is here.")
        except BackupError as error:
            wrong.append(f"base/{kept.name}: {error}")
    return wrong


def forget(settings: Settings) -> None:
    """Keep the last sound ones, as many as are wanted, and what they need. Damaged ones don't count as kept."""
    store = settings.store
    sound = [kept for kept in base.all_of(store) if store.sound(base.PLACE, kept.name)][-settings.keep :]
    if len(sound) < settings.keep:
        return
    oldest = sound[0]
    for kept in base.all_of(store):
        if kept.name < oldest.name:
            base.remove(store, kept)
    for name in store.names(wal.PLACE):
        if not name.endswith(".history") and name[8:24] < oldest.start_segment[8:]:
            store.remove(wal.PLACE, name)
    rest.forget(store, before=oldest.name, keep=settings.keep)
    journal.forget(store)


def push(settings: Settings) -> None:
    """Run the command that carries the store off the machine; it is there when that ends with 0."""
    if not settings.push:
        return
    command = [part.replace("{store}", str(settings.store.folder)) for part in settings.push]
    with last.alone(settings.folder / "push.lock"):
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, no shell
                command, capture_output=True, text=True, errors="replace", timeout=_PUSH_WITHIN, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackupError(f"BACKUP_PUSH: {error}") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        # What failed is seldom the last line: rsync adds two of its own to what ssh said.
        said = " ".join(line.strip() for line in lines[-3:]) or "it said nothing"
        raise BackupError(f"BACKUP_PUSH ended with {done.returncode}: {said[:500]}")
    last.note(settings.last, pushed_at=last.now())
