"""Every process's log, line by line under its name, on the terminal and in DEMO_DIR/logs/demo.log."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import TextIO

from lucid_payments.private_files import private_folder

LARGEST_LOG = 20 * 1024 * 1024
LONGEST_LINE = 64 * 1024
WIDTH = 8


class Output:
    """One reader for all pipes, in the supervisor's only thread."""

    def __init__(self, home: Path, terminal: TextIO | None = None) -> None:
        self._terminal = terminal or sys.stdout
        self._selector = selectors.DefaultSelector()
        self._unfinished: dict[int, bytes] = {}
        self._file = private_folder(home / "logs") / "demo.log"
        if self._file.exists() and self._file.stat().st_size > LARGEST_LOG:
            self._file.replace(self._file.with_suffix(".old.log"))
        self._log = open(self._file, "a", buffering=1)  # noqa: SIM115 - open as long as the supervisor runs

    def follow(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Read what `process` writes, from now on, under `name`."""
        if process.stdout is None:
            return
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, (name, process.stdout))

    def pump(self, seconds: float) -> None:
        """Pass on what has come, waiting at most `seconds` for something."""
        for key, _ in self._selector.select(seconds):
            name, stream = key.data
            try:
                part = os.read(key.fd, LONGEST_LINE)
            except BlockingIOError:
                continue
            if part:
                self._pass_on(name, key.fd, part)
            else:
                self._finish(name, key.fd)
                self._selector.unregister(stream)
                stream.close()

    def say(self, line: str, name: str = "demo") -> None:
        """Write one line. A closed terminal or a full disk never stops the supervisor."""
        text = f"{name:<{WIDTH}} | {line}\n"
        for stream in (self._terminal, self._log):
            try:
                stream.write(text)
                stream.flush()
            except (OSError, ValueError):
                continue

    def _pass_on(self, name: str, descriptor: int, part: bytes) -> None:
        *lines, rest = (self._unfinished.pop(descriptor, b"") + part).split(b"\n")
        for line in lines:
            self.say(line.decode(errors="replace").rstrip("\r"), name)
        if len(rest) > LONGEST_LINE:
            self.say(rest.decode(errors="replace"), name)
        elif rest:
            self._unfinished[descriptor] = rest

    def _finish(self, name: str, descriptor: int) -> None:
        if rest := self._unfinished.pop(descriptor, b""):
            self.say(rest.decode(errors="replace"), name)
