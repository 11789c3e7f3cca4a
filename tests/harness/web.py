"""A real web process of a test's own: gunicorn as `make demo` starts it, on a free port of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lucid_payments.embedded.demo import answers, web_command
from lucid_payments.embedded.processes import between_fork_and_exec
from tests.harness.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 180


@contextmanager
def web(log: Path, *, workers: int = 1, **settings: str) -> Iterator[str]:
    """Its base URL. Workers are loaded before the fork, so that a killed one is replaced at once.

    It serves the database that DATABASE_URL names, which is a clone's inside the fixture `cloned_database`. What it
    says goes to `log`.
    """
    port = free_port()
    command = [*web_command(port), "--preload", f"--workers={workers}", "--graceful-timeout=5"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "RATE_LIMIT_FACTOR": "1000", **settings},
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, preexec_fn=between_fork_and_exec(),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not answers(port, "/api/payment/health/live"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the web process doesn't start:\n{log.read_text()}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/api/payment"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STARTS_WITHIN)
