"""One migrated template, and a copy of it for each worker and for each test that really commits."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from lucid_payments.embedded.postgres import EmbeddedPostgres
from lucid_payments.embedded.sockets import remove_socket_folder
from tests.harness import migrated
from tests.harness.environment import TestServers, with_database, worker_name

REPOSITORY = Path(__file__).resolve().parents[2]


class TestDatabases:
    """The databases of one test run; `start` in the run's first process, the copies in every worker."""

    __test__ = False

    def __init__(self, servers: TestServers) -> None:
        self.servers = servers
        self.worker_database = f"{servers.template}_{worker_name()}"
        self._children: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._started = False
        self._numbers = count(1)

    def start(self) -> None:
        """Start the servers and migrate the template, once, in the process that may."""
        if self._started or not self.servers.ours_to_start:
            return
        self._started = True
        with open(self.servers.home / "servers.log", "ab") as log:
            if self.servers.postgres:
                self._start_postgres(self.servers.postgres, log)
            if self.servers.valkey:
                self.servers.valkey.prepare()
                valkey = self.servers.valkey.spawn(log)
                self._children.append((valkey, signal.SIGTERM))
                self.servers.valkey.wait_until_ready(valkey)
        if not self.servers.postgres:
            self._make_template()

    def create_for_worker(self) -> None:
        self.start()
        self._copy(self.worker_database)

    def drop_for_worker(self) -> None:
        self._drop(self.worker_database)

    @contextmanager
    def clone(self) -> Iterator[str]:
        """A fresh copy of the template, dropped afterwards whoever is still connected."""
        name = f"{self.worker_database}_{next(self._numbers)}"
        self._copy(name)
        try:
            yield name
        finally:
            self._drop(name)

    def stop(self) -> None:
        """Stop what `start` started and leave nothing behind."""
        if not self.servers.ours_to_start:
            return
        if self._started and not self.servers.postgres:
            self._drop(self.servers.template)
        for child, how in reversed(self._children):
            child.send_signal(how)
        for child, _ in self._children:
            try:
                child.wait(timeout=60)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        remove_socket_folder(self.servers.home, self._socket_folder())
        shutil.rmtree(self.servers.home, ignore_errors=True)

    def _socket_folder(self) -> Path:
        record = self.servers.home / "socket-folder"
        return Path(record.read_text().strip()) if record.exists() else self.servers.home / "sockets"

    def _start_postgres(self, postgres: EmbeddedPostgres, log: IO[bytes]) -> None:
        """The embedded server with a migrated template, from the cluster that an earlier run kept if there is one."""
        was_kept = migrated.bring(postgres.data)
        server = self._serve(postgres, log)
        if not was_kept:
            postgres.create_roles_and_database()
            self._as_owner(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(migrated.DATABASE)))
        self._migrate(migrated.DATABASE)
        if not was_kept:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=120)
            migrated.keep(postgres.data)
            self._children.clear()
            self._serve(postgres, log)
        self._copy(self.servers.template, of=migrated.DATABASE)

    def _serve(self, postgres: EmbeddedPostgres, log: IO[bytes]) -> subprocess.Popen[bytes]:
        postgres.prepare()
        server = postgres.spawn(log)
        self._children.append((server, signal.SIGINT))
        postgres.wait_until_ready(server)
        return server

    def _make_template(self) -> None:
        """In a PostgreSQL that was given: nothing of ours is kept there."""
        template = self.servers.template
        self._as_owner(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(template)))
        self._migrate(template)

    def _migrate(self, database: str) -> None:
        url = with_database(self.servers.owner_url, database)
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "-v", "0"],
            cwd=REPOSITORY,
            env={**os.environ, "DATABASE_URL": url, "DATABASE_OWNER_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"The template couldn't be migrated:\n{done.stdout}{done.stderr}")

    def _copy(self, name: str, of: str = "") -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._as_owner(statement.format(sql.Identifier(name), sql.Identifier(of or self.servers.template)))

    def _drop(self, name: str) -> None:
        self._as_owner(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _as_owner(self, statement: sql.Composed) -> None:
        url = with_database(self.servers.owner_url, "postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)
