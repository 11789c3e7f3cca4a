"""A demo in a folder of its own, started for a measurement and stopped after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from payouts.devnet.client import DevnetControl
from tests.harness import ports

ROOT = Path(__file__).resolve().parents[2]
THE_DEMO = ("lucid_payments.embedded", "start")
START_SECONDS = 240
STOP_SECONDS = 30
# Beside the demo's own 20,000 TRX: 2,000 transfers to new recipients burn 13 TRX each.
TREASURY_SUN = 1_000_000 * 1_000_000
# A stack has servers of its own, whatever the tests around it use, and isn't slowed by their measuring.
NOT_INHERITED = {"DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL", "CACHE_URL"}
NOT_INHERITED |= {"COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"}
# Limits per caller and minute out of the way: what is measured is the payouts' way, not the fence before it.
NO_REQUEST_LIMITS = {"RATE_LIMIT_FACTOR": "100000"}


@dataclass(frozen=True)
class Stack:
    """A running demo. `facts` is its demo.json."""

    folder: Path
    facts: dict[str, Any]

    @property
    def devnet(self) -> DevnetControl:
        return DevnetControl(self.facts["devnet_url"], timeout=60)

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        found: dict[str, int] = json.loads((self.folder / "demo.json").read_text())["pids"]
        return found

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the stack's own books."""
        with psycopg.connect(self.facts["database_url"], autocommit=True) as connection:
            return connection.execute(sql, parameters).fetchall()


@contextmanager
def running(
    port: int,
    *,
    latency_ms: int = 20,
    treasury_sun: int = TREASURY_SUN,
    program: Sequence[str] = THE_DEMO,
    **settings: str,
) -> Iterator[Stack]:
    """A fresh demo on `port` with these environment settings and this much latency at each node; `program` is the
    module that runs it, with its arguments.
    """
    with tempfile.TemporaryDirectory(prefix="lucid-load-") as name:
        folder = Path(name) / "demo"
        inherited = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
        environment = {
            **inherited, **NO_REQUEST_LIMITS, **settings, "DEMO_DIR": str(folder), "DEMO_PORT": str(port),
        }  # fmt: skip
        with open(Path(name) / "log", "w+") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *program],
                cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                facts = _wait_until_ready(process, folder, log.name)
                stack = Stack(folder, {**facts, "database_url": _database_url(folder)})
                stack.devnet.fund(facts["treasury_address"], trx_sun=treasury_sun)
                stack.devnet.latency(latency_ms)
                yield stack
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(STOP_SECONDS)


def free_port() -> int:
    """A port whose devnet ports are free, too."""
    return ports.free_port(also=(10, 11))


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path, log: str) -> dict[str, Any]:
    wanted = {"web", "worker", "signer", "beat"}
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "demo.json").exists():
            facts: dict[str, Any] = json.loads((folder / "demo.json").read_text())
            ready = (folder / "ready" / "worker").exists() and (folder / "ready" / "signer").exists()
            if ready and wanted <= facts.get("pids", {}).keys() and facts.get("world") == "complete":
                return facts
        time.sleep(0.2)
    raise RuntimeError("the stack didn't start:\n" + Path(log).read_text()[-4000:])


def _database_url(folder: Path) -> str:
    from lucid_payments.embedded.postgres import APP_ROLE, EmbeddedPostgres
    from lucid_payments.embedded.sockets import socket_folder

    return EmbeddedPostgres(folder, socket_folder(folder)).url(APP_ROLE)
