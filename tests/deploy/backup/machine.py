"""A machine: a cluster of its own, a signer's folder, and the backup's programs as its units run them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection, connections

from deploy.backup import taking
from deploy.backup.age import Identity, Recipients
from deploy.backup.base import Base
from deploy.backup.postgres import programs
from deploy.backup.settings import Settings
from deploy.backup.taking import Archive
from deploy.backup.wal import Receiver
from lucid_payments.embedded.postgres import OWNER, EmbeddedPostgres
from lucid_payments.embedded.sockets import remove_socket_folder, socket_folder
from lucid_payments.private_files import private_folder
from tests.harness import migrated
from tests.harness.databases import REPOSITORY

# The embedded server's, whatever else is installed here.
EMBEDDED = programs(None, major=18).folder


@dataclass
class Machine:
    """`home` holds all that is lost with it; `target` is where its backups go."""

    home: Path
    target: Path
    identity: Identity
    server: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        private_folder(self.home)
        self.sockets = socket_folder(self.home)
        self.postgres = EmbeddedPostgres(self.home, self.sockets)
        # What was committed is in the log at once, as in production; the disk needn't have it.
        self.postgres.settings = {"fsync": "off"}

    @property
    def signer(self) -> Path:
        return private_folder(self.home / "signer")

    @property
    def settings(self) -> Settings:
        recipients, paths = self.home / "recipients", self.home / "paths"
        recipients.write_text(self.identity.recipient + "\n")
        paths.write_text(f"# keys and settings\n{self.signer}\n- {self.signer / 'password'}\n")
        return Settings(
            folder=self.target,
            recipients=recipients,
            paths=paths,
            journal=self.signer / "journal",
            keep=2,
            database_url=self.postgres.url("lucid_backup"),
            binaries=EMBEDDED,
        )

    def make(self) -> None:
        """A migrated cluster, from the one that the test run keeps, with the role that backs it up."""
        was_kept = migrated.bring(self.postgres.data)
        self.start()
        self.postgres.create_roles_and_database()
        self.postgres.query((REPOSITORY / "deploy/backup/role.sql").read_text())
        if was_kept:
            return
        self.postgres.query(f"CREATE DATABASE {migrated.DATABASE}")
        url = self.postgres.url(OWNER, migrated.DATABASE)
        command = [sys.executable, "manage.py", "migrate", "--no-input", "-v", "0"]
        given = {**os.environ, "DATABASE_URL": url, "DATABASE_OWNER_URL": url}
        subprocess.run(command, cwd=REPOSITORY, env=given, check=True)

    def start(self) -> None:
        self.postgres.prepare()
        with open(self.home / "postgres.log", "ab") as log:
            self.server = self.postgres.spawn(log)
        self.postgres.wait_until_ready(self.server)

    def serve_django(self) -> None:
        """Django's connections go to this machine's database."""
        connections.close_all()
        connection.settings_dict.update(HOST=str(self.sockets), NAME=migrated.DATABASE)

    def leave_django(self) -> None:
        """As if our processes were stopped."""
        connections.close_all()

    def end(self) -> None:
        """The machine is gone, in the middle of whatever it did."""
        connections.close_all()
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    def clean(self) -> None:
        self.end()
        with suppress(OSError):
            remove_socket_folder(self.home, self.sockets)


class Backups:
    """The archive's loop stepped by hand, and base backups."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.settings = machine.settings
        self.settings.prepare()
        self.key = Recipients(self.settings.recipients)
        self.receiver = Receiver(programs(EMBEDDED), self.settings.database_url, self.settings.spool)
        self.archive = Archive(self.settings, self.key, self.receiver)

    def __enter__(self) -> Backups:
        self.receiver.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.receiver.stop()

    def base(self) -> Base:
        return taking.take_base(self.settings)

    def round(self) -> None:
        self.archive.round()
