"""A devnet for tests: a process of its own with a manual clock, on free ports.

`devnet` shares one process and resets it before each test; `own_devnet` has a process to itself. Import them
in a conftest: `from tests.devnet.fixtures import devnet, devnet_process, own_devnet`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from payouts.devnet.client import DevnetControl
from tests.harness.ports import HOST, free_ports

ROOT = Path(__file__).resolve().parents[2]
# More than a busy machine needs; nobody waits longer than it takes.
START_SECONDS = 120
STOP_SECONDS = 60
# Without Django, which would take a second to load; `manage.py devnet` is the same server.
PROGRAM = ("-m", "payouts.devnet")


@dataclass(frozen=True)
class RunningDevnet:
    """A devnet process; `urls` are its nodes', `control` talks to node 0's port."""

    control: DevnetControl
    urls: tuple[str, ...]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def usdt(self) -> str:
        """The USDT contract's address."""
        contract: str = self.control.state()["usdt_contract"]
        return contract

    def call(self, path: str, body: dict[str, Any] | None = None, *, node: int = 0) -> Any:
        """One raw API call; raises unless the answer is status 200 and JSON."""
        response = requests.post(f"{self.urls[node]}/{path}", json=body or {}, timeout=START_SECONDS)
        response.raise_for_status()
        return response.json()

    def stop(self) -> None:
        """SIGTERM, as an operator stops it."""
        self.process.terminate()
        self.process.wait(STOP_SECONDS)


@contextmanager
def running_devnet(
    options: Sequence[str] = ("--manual-clock",), *, nodes: int = 2, program: Sequence[str] = PROGRAM
) -> Iterator[RunningDevnet]:
    """A devnet process with these options, stopped at the end."""
    port, *_ = free_ports(nodes)
    command = [sys.executable, *program, "--port", str(port), "--nodes", str(nodes), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    urls = tuple(f"http://{HOST}:{port + node}" for node in range(nodes))
    running = RunningDevnet(DevnetControl(urls[0]), urls, process)
    try:
        _wait_until_it_answers(running)
        yield running
    finally:
        running.control.close()
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(running: RunningDevnet) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if running.process.poll() is not None:
            raise RuntimeError(f"the devnet ended at once with status {running.process.returncode}")
        try:
            running.control.state()
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="session")
def devnet_process() -> Iterator[RunningDevnet]:
    """One process for all tests that don't mind a reset."""
    with running_devnet() as running:
        yield running


@pytest.fixture
def devnet(devnet_process: RunningDevnet) -> RunningDevnet:
    """A new chain without history, faults or counted calls."""
    devnet_process.control.reset()
    return devnet_process


@pytest.fixture
def own_devnet() -> Iterator[RunningDevnet]:
    """A process of the test's own, for what a reset doesn't undo."""
    with running_devnet() as running:
        yield running
