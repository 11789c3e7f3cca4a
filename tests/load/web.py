"""The web as `make demo` runs it, with its database and its cache on this machine, and nothing else.

Without worker, signer and chain: what is measured is the API, and what it accepts stays scheduled.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lucid_payments.embedded import postgres as embedded_postgres
from lucid_payments.embedded import valkey as embedded_valkey
from lucid_payments.embedded.demo import READY_PATH, answers, manage, web_command
from lucid_payments.embedded.environment import Environments, environments
from lucid_payments.embedded.postgres import EmbeddedPostgres
from lucid_payments.embedded.processes import spawn
from lucid_payments.embedded.sockets import remove_socket_folder, socket_folder
from lucid_payments.embedded.valkey import EmbeddedValkey
from lucid_payments.private_files import private_folder
from tests.load.stack import NO_REQUEST_LIMITS, NOT_INHERITED, ROOT, STOP_SECONDS

START_SECONDS = 60


@dataclass(frozen=True)
class Web:
    """A running web; `clients` as `tests.load.past` printed them."""

    port: int
    clients: list[dict[str, Any]]
    # The first process of each, by name.
    pids: dict[str, int]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/payment"

    def cpu_seconds(self) -> dict[str, float]:
        """What each of them and its children have used of the processors so far."""
        return {name: cpu_seconds_of(pid) for name, pid in self.pids.items()}


@contextmanager
def serving(port: int, *, payouts: int, clients: int) -> Iterator[Web]:
    """The web on `port` with so many payouts of so many clients behind it."""
    with ExitStack() as ending, tempfile.TemporaryDirectory(prefix="lucid-load-") as name:
        home = private_folder(Path(name) / "home")
        sockets = socket_folder(home)
        ending.callback(remove_socket_folder, home, sockets)
        with open(Path(name) / "log", "w+b") as log:
            try:
                known, database = _servers(home, sockets, log, ending)
                _done(manage(known.owner, "migrate", "--no-input", "-v", "0"))
                told = _done(spawn([sys.executable, "-m", "tests.load.past", str(payouts), str(clients)],
                                   known.owner, ROOT))  # fmt: skip
                web = subprocess.Popen(
                    web_command(port), cwd=ROOT, env=known.public, stdout=log, stderr=subprocess.STDOUT
                )
                ending.callback(_end, web, signal.SIGTERM)
                _wait(lambda: answers(port, READY_PATH), web)
                yield Web(port, json.loads(told.splitlines()[-1]), {"web": web.pid, "database": database.pid})
            finally:
                ending.close()


def _servers(
    home: Path, sockets: Path, log: IO[bytes], ending: ExitStack
) -> tuple[Environments, subprocess.Popen[bytes]]:
    given = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED} | NO_REQUEST_LIMITS
    postgres = EmbeddedPostgres(home, sockets)
    postgres.prepare()
    server = postgres.spawn(log)
    ending.callback(_end, server, embedded_postgres.STOP_SIGNAL)
    postgres.wait_until_ready(server)
    postgres.create_roles_and_database()
    valkey = EmbeddedValkey(home, sockets, secrets.token_hex(24))
    valkey.prepare()
    cache = valkey.spawn(log)
    ending.callback(_end, cache, embedded_valkey.STOP_SIGNAL)
    valkey.wait_until_ready(cache)
    files = private_folder(home / "secrets")
    _done(spawn([sys.executable, "-m", "lucid_payments.embedded.keys", str(files)], given, ROOT))
    known = environments(home, given, [], postgres, valkey)
    # What writes the past may tidy up after itself, which is the tables' owner's.
    owner = {**known.owner, "DATABASE_URL": known.owner["DATABASE_OWNER_URL"]}
    # Nobody renews lists here, and what is measured isn't the hold that old ones make.
    none = {"SCREENING_LISTS": "[]"}
    return Environments(known.public | none, owner | none, known.signer | none), server


def cpu_seconds_of(root: int) -> float:
    """Of a process, its living children and those that have ended."""
    ticks = 0
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The command's name, in parentheses, may hold blanks.
            fields = stat.read_text().rpartition(")")[2].split()
            pid = int(stat.parent.name)
            children.setdefault(int(fields[1]), []).append(pid)
            used[pid] = sum(map(int, fields[11:15]))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        ticks += used.get(pid, 0)
        waiting += children.get(pid, [])
    return ticks / os.sysconf("SC_CLK_TCK")


def _done(process: subprocess.Popen[bytes]) -> str:
    output = process.communicate()[0].decode(errors="replace")
    if process.returncode != 0:
        raise RuntimeError(f"{process.args!r} failed:\n{output[-4000:]}")
    return output


def _wait(is_ready: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("The web didn't start.")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
