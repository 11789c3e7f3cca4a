"""The real web process with its two workers: whichever is asked, `GET /metrics` adds up what both have counted."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lucid_payments.embedded import demo
from lucid_payments.private_files import emptied_folder
from tests.harness.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r'^tron_authentication_failures_total{failure_type="missing_token"} (\S+)$', re.MULTILINE)


def get(port: int, path: str) -> tuple[int, str]:
    """Over a connection of its own, so that either worker may take it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def missing_tokens(port: int) -> float:
    status, told = get(port, "/metrics")
    assert status == 200
    found = SAMPLE.search(told)
    assert found is not None
    return float(found[1])


def refuse(port: int, times: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: get(port, "/api/payment/payouts")[0], range(times)))
    assert statuses == [401] * times


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def workers(folder: Path) -> set[int]:
    """The pids of those that have counted something."""
    return {int(file.stem.removeprefix("counter_")) for file in folder.glob("counter_*.db")}


@pytest.fixture
def web(cloned_database: str, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The web process as `make demo` starts it: its port, and the folder that its workers count in."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"of an earlier life")
    port = free_port()
    process = subprocess.Popen(
        demo.web_command(port),
        cwd=ROOT,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(emptied_folder(folder))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(lambda: demo.answers(port, demo.READY_PATH) and len(workers(folder)) == 2)
        yield port, folder
    finally:
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=120)[0].decode()
        assert "Traceback" not in output, output


def test_two_workers_counts_add_up_and_outlive_a_worker(web: tuple[int, Path]) -> None:
    port, folder = web
    first = workers(folder)
    refuse(port, 40)

    assert {missing_tokens(port) for _ in range(12)} == {40}, "whoever is asked"

    os.kill(min(first), signal.SIGKILL)
    wait_for(lambda: len(workers(folder)) == 3)
    wait_for(lambda: demo.answers(port, demo.READY_PATH))
    assert {missing_tokens(port) for _ in range(12)} == {40}, "what the dead one counted stays"
    refuse(port, 5)
    assert missing_tokens(port) == 45
