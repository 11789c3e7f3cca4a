"""The devnet's process: one port per node, the block producer, and an orderly end."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from payouts.devnet.devnet import Devnet, Options
from payouts.devnet.http import HOST, NodeServer

# How long the producer sleeps at most, so that a step or a change of the clock is noticed.
_NAP_SECONDS = 0.05
# A long chain takes long to save: no more than one fiftieth of the time goes into it,
_SAVING_SHARE = 50
# unless solid blocks, which are 18 behind, could be lost.
_LONGEST_UNSAVED_SECONDS = 30.0


class DevnetServer:
    """Runs a devnet until it is told to stop."""

    def __init__(self, options: Options) -> None:
        self.devnet = Devnet(options)
        self.devnet.set_online = self._set_online
        self._stopping = threading.Event()
        self._next_save = 0.0
        self._servers = {node: NodeServer(self.devnet, node) for node in range(options.nodes)}

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`, then save the snapshot if one was asked for."""
        for server in self._servers.values():
            self._serve(server)
        self._produce_blocks()
        for server in self._servers.values():
            server.go_offline()
        self.devnet.faults.clear()
        if self.devnet.options.snapshot:
            self.devnet.save(self.devnet.options.snapshot)

    def stop(self) -> None:
        self._stopping.set()

    def _serve(self, server: NodeServer) -> None:
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": _NAP_SECONDS}, daemon=True
        ).start()

    def _produce_blocks(self) -> None:
        wait_seconds = 0.0
        while not self._stopping.wait(min(wait_seconds, _NAP_SECONDS)):
            with self.devnet.lock:
                wait_seconds = _NAP_SECONDS if self.devnet.clock.manual else self.devnet.tick() / 1000
            self._save_when_due()

    def _save_when_due(self) -> None:
        """Save now and then: a kill may lose a few head blocks, as a micro-fork does, but no solid one."""
        path = self.devnet.options.snapshot
        if path is None or time.monotonic() < self._next_save:
            return
        started = time.monotonic()
        self.devnet.save(path)
        ended = time.monotonic()
        pause = max(self.devnet.options.snapshot_seconds, _SAVING_SHARE * (ended - started))
        self._next_save = ended + min(pause, _LONGEST_UNSAVED_SECONDS)

    def _set_online(self, node: int, online: bool) -> None:
        if online and node not in self._servers:
            self._servers[node] = NodeServer(self.devnet, node)
            self._serve(self._servers[node])
            self.devnet.offline.discard(node)
        elif not online and node in self._servers:
            self.devnet.offline.add(node)
            self._servers.pop(node).go_offline()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `manage.py devnet` and of `python -m payouts.devnet`."""
    parser.add_argument("--port", type=int, default=8090, help="node 0's port; node i listens on port + i")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument(
        "--block-seconds", type=float, default=3.0, help="real seconds between blocks; slots shrink with it"
    )
    parser.add_argument("--manual-clock", action="store_true", help="time stands until it is stepped")
    parser.add_argument("--latency-ms", type=int, default=0, help="slept before each answer")
    parser.add_argument("--snapshot", type=Path, help="loaded if it exists, written now and then")
    parser.add_argument("--snapshot-seconds", type=float, default=5.0, help="between two snapshots")


def options_from(arguments: dict[str, object]) -> Options:
    """The options of parsed arguments, whatever else stands among them."""
    names = ("port", "nodes", "block_seconds", "manual_clock", "latency_ms", "snapshot", "snapshot_seconds")
    return Options(**{name: arguments[name] for name in names})  # type: ignore[arg-type]


def serve(options: Options) -> None:
    """Run in the foreground. Raises OSError when a port is taken, `SnapshotUnreadable` for a bad file."""
    server = DevnetServer(options)

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ports = ", ".join(f"http://{HOST}:{options.port + node}" for node in range(options.nodes))
    sys.stdout.write(f"devnet: {options.nodes} nodes at {ports}\n")
    sys.stdout.flush()
    server.run()
