"""What a backup is made of and where it goes, from the environment."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from deploy.backup.errors import BackupError
from deploy.backup.store import Store
from lucid_payments import env
from lucid_payments.private_files import private_folder


@dataclass(frozen=True)
class Settings:
    """`database_url` may hold a password."""

    folder: Path
    recipients: Path
    paths: Path
    journal: Path
    push: tuple[str, ...] = ()
    keep: int = 10
    database_url: str = field(default="", repr=False)
    binaries: Path | None = None

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")

    @property
    def spool(self) -> Path:
        """WAL as it was received, until it is encrypted: as plain as the database beside it, and as private."""
        return self.folder / "spool"

    def prepare(self) -> None:
        """The folder itself may be looked into, for `last.json`; those in it are private."""
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        private_folder(self.store.folder)
        private_folder(self.spool)

    @property
    def last(self) -> Path:
        return self.folder / "last.json"


def read() -> Settings:
    """Raises BackupError for a bad or missing variable."""
    try:
        binaries = env.text("BACKUP_POSTGRES_BIN", None)
        return Settings(
            folder=Path(env.text("BACKUP_FOLDER", "/var/lib/lucid/backup")),
            recipients=Path(env.text("BACKUP_RECIPIENTS_FILE", "/etc/lucid/backup/recipients")),
            paths=Path(env.text("BACKUP_PATHS_FILE", "/etc/lucid/backup/paths")),
            journal=Path(env.text("SIGNER_JOURNAL_FILE")),
            push=tuple(shlex.split(env.text("BACKUP_PUSH", ""))),
            keep=env.integer("BACKUP_KEEP", 10, minimum=2, maximum=1000),
            database_url=env.url("BACKUP_DATABASE_URL", schemes=("postgresql", "postgres")),
            binaries=Path(binaries) if binaries else None,
        )
    except ImproperlyConfigured as error:
        raise BackupError(str(error)) from None
