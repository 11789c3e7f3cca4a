"""The real HAProxy of a test, from the folder that `manage.py gateway write` makes, and what stands behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lucid_payments.embedded.demo import web_command
from lucid_payments.embedded.processes import between_fork_and_exec
from lucid_payments.gateway import folder
from lucid_payments.gateway.configuration import Door
from lucid_payments.gateway.issuers import TokenIssuer
from tests.deploy.gateway import wire
from tests.harness.ports import free_port
from tests.harness.web import ROOT

TOKEN = "the-gateway-s-own-token-of-these-tests"
# Seconds, for anything on a busy machine.
STARTS_WITHIN = 180
SMALL = {"per_subject": 20, "per_client": 150, "refused_per_client": 15}


@contextmanager
def short_folder() -> Iterator[Path]:
    """A Unix socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="gw-") as name:
        yield Path(name)


def a_door(place: Path, service_socket: Path, **changes: object) -> Door:
    """Everything in one folder, with limits that a test reaches."""
    values = {
        "bind": f"127.0.0.1:{free_port()}",
        "api_socket": str(place / "api.sock"),
        "admin_socket": str(place / "admin.sock"),
        "metrics_socket": str(place / "figures.sock"),
        "service_socket": str(service_socket),
        "token": TOKEN,
        "host": "localhost",
        "origins": ["https://wallet.example"],
        "check_every": 600,
        # No test is hurried but those about dawdling, which say so.
        "patience": 30,
        **SMALL,
        **changes,
    }
    return Door(**values)  # type: ignore[arg-type]  # each is what its field wants


class Gateway:
    """HAProxy as its unit starts it: a master that reads its folder again on SIGUSR2."""

    def __init__(self, place: Path, door: Door, issuers: Sequence[TokenIssuer]) -> None:
        self.folder, self.door = place / "haproxy", door
        self.write(issuers)
        self._log = place / "haproxy.log"
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, issuers: Sequence[TokenIssuer]) -> list[str]:
        return folder.write(folder.wanted(self.door, issuers, self.folder), self.folder)

    @property
    def configuration(self) -> Path:
        return self.folder / folder.CONFIGURATION

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                ["haproxy", "-W", "-db", "-f", str(self.configuration)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, preexec_fn=between_fork_and_exec(),
            )  # fmt: skip
        wait_for(lambda: self._has_ended() or self.answers("/api/payment/health/live"), lambda: self.log)
        assert not self._has_ended(), self.log

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def reload(self) -> None:
        """Ends when nobody is let in by the worker before: until it has heard of its end, it takes connections too."""
        assert self._process is not None
        before, workers = self.log.count("New worker"), self._workers()
        self._process.send_signal(signal.SIGUSR2)
        wait_for(lambda: self.log.count("New worker") > before, lambda: self.log)
        wait_for(lambda: not workers & self._workers(), lambda: self.log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=STARTS_WITHIN)

    def pids(self) -> list[int]:
        """The master's and its workers'."""
        assert self._process is not None
        return [self._process.pid, *self._workers()]

    def _workers(self) -> set[int]:
        assert self._process is not None
        master = self._process.pid
        return set(map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split()))

    def answers(self, path: str) -> bool:
        try:
            return self.by_tor().say(wire.request("GET", path)).status == 200
        except OSError:
            return False

    def by_tor(self, circuit: str = "") -> wire.Door:
        """The door for Tor, as a circuit of its own unless it is named."""
        return wire.Door(self.door.api_socket, circuit or wire.new_circuit())

    def by_tcp(self, source: str = "") -> wire.Door:
        host, _, port = self.door.bind.rpartition(":")
        return wire.Door((host, int(port)), source=source)

    def of_admin(self) -> wire.Door:
        return wire.Door(self.door.admin_socket)

    def of_figures(self) -> wire.Door:
        return wire.Door(self.door.metrics_socket)


@contextmanager
def gateway(place: Path, door: Door, issuers: Sequence[TokenIssuer]) -> Iterator[Gateway]:
    made = Gateway(place, door, issuers)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def service(place: Path, **settings: str) -> Iterator[Path]:
    """The real web on a Unix socket, on the database that DATABASE_URL names."""
    path, log = place / "web.sock", place / "web.log"
    command = [word for word in web_command(0) if not word.startswith("--bind=")]
    environment = {**os.environ, "RATE_LIMIT_FACTOR": "1000", "GATEWAY_TOKEN": TOKEN, **settings}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, f"--bind=unix:{path}", "--workers=1", "--graceful-timeout=5"], cwd=ROOT, env=environment,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, preexec_fn=between_fork_and_exec(),
        )  # fmt: skip
    live = wire.request("GET", "/api/payment/health/live", "Connection: close")
    try:
        wait_for(lambda: path.exists() and _says(path, live), log.read_text)
        yield path
    finally:
        process.terminate()
        process.wait(timeout=STARTS_WITHIN)


def _says(path: Path, live: bytes) -> bool:
    """Its socket is there before anybody answers at it."""
    try:
        return wire.Door(str(path)).say(live).status == 200
    except OSError:
        return False


def wait_for(happened: Callable[[], bool], told: Callable[[], str], seconds: float = STARTS_WITHIN) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, told()[-3000:]
        time.sleep(0.05)
