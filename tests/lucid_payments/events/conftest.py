"""Owners of webhooks, and the receivers that they name: one that behaves, one that drips."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from lucid_payments.accounts.models import User


@pytest.fixture(autouse=True)
def on_this_machine(settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = True
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


@pytest.fixture
def owner(cloned_database: Any) -> User:
    return User.objects.create_user("client", role="service")


@dataclass
class Receiver:
    """A client's server on loopback: answers as it is told, and keeps what came."""

    url: str = ""
    status: int = 204
    location: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            kept.requests.append(({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length)))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Hostile:
    """A receiver that takes its time: sends `first` at once, then `drop` again and again until it is cut off."""

    url: str = ""
    first: bytes = b""
    drop: bytes = b""


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    kept = Hostile()
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65536)
                connection.sendall(kept.first)
                while kept.drop and not ended.wait(0.05):
                    connection.sendall(kept.drop)
            except OSError:
                pass

    def accept(listening: socket.socket) -> None:
        while not ended.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=[connection], daemon=True).start()

    listening = socket.create_server(("127.0.0.1", 0))
    kept.url = f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
    threading.Thread(target=accept, args=[listening], daemon=True).start()
    yield kept
    ended.set()
    listening.close()
