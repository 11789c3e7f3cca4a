"""A whole installation from its backup, on a machine where none of it is: database, journal, keys and settings.

All is laid down beside where it belongs and brought to the wanted moment there. Names are given last: whatever goes
wrong before, nothing is left behind and nothing was replaced.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.backup import base, rest, server, wal
from deploy.backup.age import Identity
from deploy.backup.base import Base
from deploy.backup.errors import BackupError, one_clear_line
from deploy.backup.journal import put_together
from deploy.backup.postgres import programs
from deploy.backup.store import Store


@dataclass(frozen=True)
class Restore:
    """`data` is the cluster's folder to be; keys, settings and the journal go under `root`.

    `to` None: the end of what the backup has. `only_database`: the journal, keys and settings of this machine stay,
    which are never older than the backup's.
    """

    store: Store
    identity: Identity
    data: Path
    root: Path = Path("/")
    to: datetime | None = None
    binaries: Path | None = None
    user: str = ""
    only_database: bool = False

    def run(self, report: Callable[[str], None]) -> Base:
        """Raises BackupError; then nothing was changed."""
        began = time.monotonic()
        chosen = self.choose()
        self._nothing_is_there(self._journal(chosen))
        report(f"Base backup of {chosen.finished_at}, {chosen.size >> 20} MiB.")
        with one_clear_line(self.data):
            self.data.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=self.data.name + ".restoring-", dir=self.data.parent))
        staged: list[tuple[Path, Path]] = []
        try:
            with one_clear_line(work):
                cluster = self.database(chosen, work)
                report(f"The database is at its moment after {time.monotonic() - began:.0f} seconds.")
                if not self.only_database:
                    self._files(chosen, staged)
                for target, place in staged:
                    target.rename(place)
                cluster.rename(self.data)
        except BaseException:
            for target, place in staged:
                # Only what this restore laid down: what was there before was refused at the beginning.
                (target if target.exists() else place).unlink(missing_ok=True)
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        report(f"Restored in {time.monotonic() - began:.0f} seconds.")
        return chosen

    def choose(self) -> Base:
        """The newest base backup that was complete at the wanted moment. Raises BackupError."""
        kept = base.all_of(self.store)
        if not kept:
            raise BackupError(f"{self.store.folder} holds no base backup that is whole.")
        if self.to is None:
            return kept[-1]
        if self.to > datetime.now(UTC):
            raise BackupError(f"{self.to.isoformat()} is yet to come.")
        before = [one for one in kept if one.finished <= self.to]
        if not before:
            raise BackupError(
                f"The oldest base backup is of {kept[0].finished_at}: no earlier moment can be restored."
            )
        return before[-1]

    def database(self, chosen: Base, work: Path) -> Path:
        """The cluster in `work`, at the wanted moment, shut down."""
        cluster, log = work / "cluster", work / "log"
        cluster.mkdir(mode=0o700)
        log.mkdir(mode=0o700)
        work.chmod(0o711)
        log.chmod(0o755)
        with self.identity.opened(self.store.path(base.PLACE, chosen.name)) as plain:
            base.unpack(plain, cluster)
        self._log(chosen, log)
        found = programs(self.binaries, major=chosen.major, user=self.user)
        server.recover(found, cluster, log, chosen.superuser, self.to)
        return cluster

    def _files(self, chosen: Base, staged: list[tuple[Path, Path]]) -> None:
        rest.unpack(self.store, self.identity, self.root, staged)
        content = put_together(self.store, self.identity)
        rest.stage(content, self._journal(chosen), staged)

    def _log(self, chosen: Base, folder: Path) -> None:
        for name in wal.chain(self.store, chosen.start_segment, chosen.segment_bytes):
            place = folder / name[:24]
            with self.identity.opened(self.store.path(wal.PLACE, name)) as plain, open(place, "wb") as target:
                shutil.copyfileobj(plain, target, 1 << 20)
            place.chmod(0o644)

    def _nothing_is_there(self, journal: Path) -> None:
        if self.data.exists() and any(self.data.iterdir()):
            raise BackupError(f"{self.data} isn't empty: a restore replaces nothing. Move it away first.")
        if journal.exists() and not self.only_database:
            raise BackupError(
                f"{journal} is there already, and may know more than the backup's: "
                "restore with --only-database, which keeps it, or move it away."
            )

    def _journal(self, chosen: Base) -> Path:
        return self.root / Path(chosen.journal).relative_to("/")
