"""Starts processes in order, keeps them running, and never leaves one behind.

One thread reads the logs, looks after the children and answers signals. Each child leads a process group of
its own, so that a terminal's Ctrl-C reaches the supervisor alone and stopping happens in order.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lucid_payments.embedded import demo_file, leftovers
from lucid_payments.embedded.output import Output
from lucid_payments.embedded.processes import signal_group
from lucid_payments.embedded.refusal import CannotStart

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STABLE_AFTER_SECONDS = 60.0
# Together under the ten seconds within which everything has stopped.
APPLICATION_STOP_SECONDS = 5.5
SERVER_STOP_SECONDS = 3.0


class StopRequested(Exception):
    """Ctrl-C, SIGTERM or a closed terminal."""


@dataclass(frozen=True)
class Service:
    """A process that runs as long as the supervisor does.

    `spawn` starts it with its output on a pipe; `prepare` runs before every start; `is_ready` is asked until
    it says yes. A server is stopped after everything that isn't one.
    """

    name: str
    spawn: Callable[[], subprocess.Popen[bytes]]
    is_ready: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    stop_signal: signal.Signals = signal.SIGTERM
    is_server: bool = False
    patience_seconds: float = 60.0


@dataclass
class Child:
    service: Service
    process: subprocess.Popen[bytes]
    since: float
    pause: float = FIRST_PAUSE_SECONDS
    restart_at: float | None = None


class Supervisor:
    """`start` and `run_once` until everything stands, then `watch`; `stop` at the end, whatever happened."""

    def __init__(self, home: Path, output: Output) -> None:
        self.home = home
        self.output = output
        self._children: dict[str, Child] = {}
        self._stopping = False

    def answer_signals(self) -> None:
        for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(which, self._request_stop)

    def start(self, *services: Service) -> None:
        """Start them together and wait until each is ready. Raises CannotStart when one isn't in time."""
        began = time.monotonic()
        for service in services:
            self.output.say(f"starting {service.name} …")
            self._spawn(service)
        waiting = list(services)
        while waiting:
            self._pump(0.05)
            for service in list(waiting):
                child = self._children[service.name]
                if child.process.poll() is not None:
                    raise CannotStart(
                        f"{service.name} ended with status {child.process.returncode} instead of starting: "
                        "its log is above."
                    )
                if service.is_ready():
                    self.output.say(f"{service.name} is ready ({time.monotonic() - began:.1f} s)")
                    waiting.remove(service)
                elif time.monotonic() - began > service.patience_seconds:
                    raise CannotStart(f"{service.name} wasn't ready within {service.patience_seconds:.0f} s.")

    def run_once(self, name: str, spawn: Callable[[], subprocess.Popen[bytes]]) -> None:
        """Run one command to its end. Raises CannotStart when it fails."""
        began = time.monotonic()
        self.output.say(f"{name} …")
        process = spawn()
        self.output.follow(name, process)
        self._children[name] = Child(Service(name, spawn, lambda: True), process, began)
        while process.poll() is None:
            self._pump(0.05)
        self.output.pump(0)
        del self._children[name]
        if process.returncode != 0:
            raise CannotStart(f"{name} failed with status {process.returncode}: its log is above.")
        self.output.say(f"{name} is done ({time.monotonic() - began:.1f} s)")

    def watch(self) -> None:
        """Restart what dies, until a signal asks to stop (then StopRequested is raised)."""
        while True:
            self._pump(0.2)
            for child in self._children.values():
                self._look_after(child)

    def stop(self) -> None:
        """Stop everything, applications before servers, in under ten seconds, and leave nothing behind."""
        self._stopping = False
        if not self._children:
            return
        began = time.monotonic()
        self.output.say("stopping …")
        for is_server, seconds in ((False, APPLICATION_STOP_SECONDS), (True, SERVER_STOP_SECONDS)):
            self._stop_all(
                [child for child in self._children.values() if child.service.is_server == is_server], seconds
            )
        self._children.clear()
        self._record()
        self.output.pump(0)
        self.output.say(f"stopped ({time.monotonic() - began:.1f} s)")

    def _stop_all(self, children: list[Child], seconds: float) -> None:
        for child in children:
            if child.process.poll() is None:
                child.process.send_signal(child.service.stop_signal)
        deadline = time.monotonic() + seconds
        while any(child.process.poll() is None for child in children) and time.monotonic() < deadline:
            self.output.pump(0.05)
        for child in children:
            # Also what a child left behind in its group.
            signal_group(child.process.pid, signal.SIGKILL)
            child.process.wait()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.restart_at is None:
            if child.process.poll() is None:
                return
            if now - child.since > STABLE_AFTER_SECONDS:
                child.pause = FIRST_PAUSE_SECONDS
            self.output.say(
                f"{child.service.name} ended with status {child.process.returncode}: "
                f"again in {child.pause:g} s"
            )
            signal_group(child.process.pid, signal.SIGKILL)
            child.restart_at = now + child.pause
        elif now >= child.restart_at:
            pause = min(child.pause * 2, LONGEST_PAUSE_SECONDS)
            try:
                self._spawn(child.service, pause)
            except CannotStart as refusal:
                self.output.say(f"{child.service.name}: {refusal}")
                child.pause, child.restart_at = pause, now + pause

    def _spawn(self, service: Service, pause: float = FIRST_PAUSE_SECONDS) -> None:
        service.prepare()
        process = service.spawn()
        self.output.follow(service.name, process)
        self._children[service.name] = Child(service, process, time.monotonic(), pause)
        self._record()

    def _record(self) -> None:
        pids = {name: child.process.pid for name, child in self._children.items()}
        try:
            leftovers.record(self.home, pids)
            running = {"supervisor": os.getpid(), **pids} if pids else {}
            demo_file.merge(self.home / "demo.json", {"pids": running})
        except OSError as error:
            # Keeping the payments running matters more than the list of their processes.
            self.output.say(f"the list of processes couldn't be written: {error.strerror}")

    def _pump(self, seconds: float) -> None:
        if self._stopping:
            raise StopRequested
        self.output.pump(seconds)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
