"""What a container's health check says of web, and of worker, signer and beat."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery.signals import before_task_publish

from lucid_payments import celery, healthcheck


@contextmanager
def answering(path: Path, status: str) -> Iterator[list[bytes]]:
    """A web process in small, on a Unix socket; yields what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                asked.append(peer.recv(4096))
                peer.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        yield asked
        thread.join()


@pytest.fixture
def web_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEB_SOCKET", str(tmp_path / "web.sock"))
    monkeypatch.setenv("ALLOWED_HOSTS", "example.onion,web")
    return tmp_path / "web.sock"


@pytest.fixture
def ready_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("READY_FILE", str(tmp_path / "ready"))
    return tmp_path / "ready"


def test_web_is_asked_for_life_under_a_name_that_it_answers_to(web_socket: Path) -> None:
    with answering(web_socket, "200 OK") as asked:
        assert healthcheck.main(["web"]) == 0
    assert asked[0].startswith(b"GET /api/payment/health/live HTTP/1.1\r\n")
    assert b"\r\nHost: example.onion\r\n" in asked[0]


def test_ready_asks_for_a_node_too_and_503_is_a_no(
    web_socket: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(web_socket, "503 Service Unavailable") as asked:
        assert healthcheck.main(["ready"]) == 1
    assert b"/health/ready?deep=1 " in asked[0]
    assert "503" in capsys.readouterr().out


def test_no_web_process_is_a_no(web_socket: Path) -> None:
    assert healthcheck.main(["web"]) == 1


def test_a_process_is_well_while_it_says_so(ready_file: Path) -> None:
    assert healthcheck.main(["process"]) == 1
    celery.say_still_working()
    assert not ready_file.exists(), "it isn't ready before Celery says so"
    celery.say_ready()
    assert healthcheck.main(["process"]) == 0
    long_ago = time.time() - healthcheck.SILENT_SECONDS - 1
    os.utime(ready_file, (long_ago, long_ago))
    assert healthcheck.main(["process"]) == 1
    celery.say_still_working()
    assert healthcheck.main(["process"]) == 0


def test_beat_says_so_with_each_task(ready_file: Path) -> None:
    ready_file.touch()
    os.utime(ready_file, (0, 0))
    celery.say_that_beat_beats()
    try:
        before_task_publish.send(sender="payouts.tasks.release", headers={})
    finally:
        before_task_publish.disconnect(celery.say_still_working)
    assert healthcheck.main(["process"]) == 0


def test_another_word_is_refused() -> None:
    assert healthcheck.main(["everything"]) == 2
