"""Live processes: every line they write is one JSON object on standard output, and none a secret."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lucid_payments.embedded.demo import ROOT_IS_FINE
from lucid_payments.embedded.sockets import socket_folder
from tests.harness.environment import TREASURY_ADDRESS
from tests.lucid_payments.live import STAGING

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-5e7c1b"
GUNICORN = ["gunicorn", "lucid_payments.wsgi:application", "--config=python:lucid_payments.web_server"]
CELERY = ["celery", "-q", "-A", "lucid_payments.celery:app"]
# From a signal handler, in which it may take no logger's lock: the one thing that is no object.
CELERYS_FAREWELL = re.compile(r"|worker: \w+ shutdown \(MainProcess\)")
# In these settings nothing answers where the nodes would be.
NOWHERE = "socks5h://127.0.0.1:1"


def environment(folder: Path, name: str) -> dict[str, str]:
    """Staging's, on the tests' own database and broker; every secret in a file, and each holds the canary."""
    given = {**STAGING, "TOR_PROXY": NOWHERE, "LOG_LEVEL": "INFO", "DEPLOYMENT": "lucid-test"}
    secrets = {
        "SECRET_KEY": f"{CANARY}-Zx8-qL2mN4vB7cR1tY9wE3uI6oP0aS5dF8gH2jK4lM7nQ1bVxyz",
        "WEBHOOK_KEY": f"{CANARY}-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789",
        "GATEWAY_TOKEN": f"{CANARY}-0123456789-abcdefghijklmnopqrstuvwxyz",
        "AUDIT_SEAL_KEY": f"{CANARY}-0123456789-abcdefghijklmnopqrstuvwxyz",
        "AUDIT_HEAD_KEY": f"{CANARY}-0123456789-abcdefghijklmnopqrstuvwxyz",
        "HEARTBEAT_URL": f"http://{'a' * 56}.onion/{CANARY}",
        **{key: os.environ[key] for key in ("DATABASE_URL", "BROKER_URL", "CACHE_URL")},
    }
    for key, text in secrets.items():
        given[f"{key}_FILE"] = str(folder / key)
        if not (folder / key).exists():
            (folder / key).write_text(text)
            (folder / key).chmod(0o400)
    counts = folder / f"metrics-{name}"
    counts.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": ROOT_IS_FINE,
        "TREASURY_ADDRESS": TREASURY_ADDRESS,
        **given,
        "JWT_KEYS_DIR": os.environ["JWT_KEYS_DIR"],
        "KYC_KEYS_FILE": os.environ["KYC_KEYS_FILE"],
        "PROMETHEUS_MULTIPROC_DIR": str(counts),
        "READY_FILE": str(folder / f"ready-{name}"),
    }


@contextmanager
def process(folder: Path, name: str, command: list[str]) -> Iterator[None]:
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        running = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment(folder, name),
            stdout=out,
            stderr=err,
        )
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=180)


def wait_for(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 240
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ask(path: str, at: Path, headers: dict[str, str]) -> int | None:
    connection = http.client.HTTPConnection("localhost", timeout=30)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(at))
        connection.request("GET", path, headers={"Host": STAGING["ALLOWED_HOSTS"], **headers})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    text = (folder / f"{name}.out").read_text()
    assert CANARY not in text
    return [json.loads(line) for line in text.splitlines() if not CELERYS_FAREWELL.fullmatch(line)]


@pytest.fixture
def written(cloned_database: str, tmp_path: Path) -> Path:
    """What all four wrote while they started, did some work, were asked something that is refused, and ended."""
    web = socket_folder(tmp_path) / "web.sock"
    commands = {
        "web": [*GUNICORN, f"--bind=unix:{web}", "--no-control-socket", "--workers=1", "--threads=2"],
        "worker": [*CELERY, "worker", "-Q", "release,send,watch,default", "--concurrency=1", "-n", "w@%h"],
        "signer": [*CELERY, "worker", "-Q", "sign", "--pool=solo", "-n", "s@%h"],
        "beat": [*CELERY, "beat", "-s", str(tmp_path / "schedule"), "--pidfile="],
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(process(tmp_path, name, command))
        wait_for(lambda: ask("/api/payment/health/live", web, {}) == 200)
        wait_for(lambda: all((tmp_path / f"ready-{name}").exists() for name in ("worker", "signer", "beat")))
        refused = {"X-Request-ID": "req-of-this-test", "Authorization": f"Bearer {CANARY}"}
        assert ask(f"/api/payment/nowhere?password={CANARY}", web, refused) == 404
        wait_for(lambda: "hasn't been read" in (tmp_path / "worker.out").read_text())
    return tmp_path


@pytest.mark.prove
def test_every_process_writes_json_to_standard_output_and_nothing_else(written: Path) -> None:
    for name in ("web", "worker", "signer", "beat"):
        assert (written / f"{name}.err").read_text() == "", name
        found = lines(written, name)
        assert found, name
        for line in found:
            assert {"event", "level", "timestamp", "logger"} <= line.keys(), (name, line)
            assert line["timestamp"].endswith("Z")
    (warned,) = [line for line in lines(written, "web") if line.get("request_id") == "req-of-this-test"]
    assert (warned["logger"], warned["level"]) == ("django.request", "warning")
    assert any(line["logger"] == "gunicorn.error" for line in lines(written, "web"))


def test_a_command_s_output_is_its_own_and_its_log_goes_beside_it(
    cloned_database: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "killswitch", "status"],
        cwd=ROOT,
        env=environment(tmp_path, "command"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "{" not in done.stdout
    for line in done.stderr.splitlines():
        json.loads(line)
    assert list((tmp_path / "metrics-command").iterdir()) == [], "it counts for nobody"
