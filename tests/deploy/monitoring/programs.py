"""Real programs on free loopback ports, each in a folder of its own, ended at the end by their own process ids."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.harness.ports import free_port

PATIENCE_SECONDS = 180


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def answers(port: int, path: str) -> bool:
    try:
        return get(port, path)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def running(*command: str | Path, log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=output)
    try:
        wait_for(lambda: process.poll() is not None or ready())
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def prometheus(folder: Path, config: Path, *options: str) -> Iterator[int]:
    """A Prometheus with this configuration and its data in `folder`; yields its port."""
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *options,
    ]
    with running(*command, log=folder / "prometheus.log", ready=lambda: answers(port, "/-/ready")):
        yield port


def query(port: int, expression: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    status, told = get(port, f"/api/v1/query?{urlencode({'query': expression})}")
    assert status == 200, (expression, told)
    found: list[dict[str, Any]] = json.loads(told)["data"]["result"]
    return found
