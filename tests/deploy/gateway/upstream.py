"""A service that does as it is told, in place of the real one: it shows what reaches it, and fails when it should."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

READY = b"GET /api/payment/health/ready "


@dataclass
class Upstream:
    """`path` is its socket. It answers `status`, or hangs up once it has a whole request where that is 0."""

    path: Path
    status: int = 200
    ready: int = 200
    # Requests whose first bytes came, those about its health apart.
    begun: int = 0
    # Whole requests as they came, those about its health apart.
    arrived: list[bytes] = field(default_factory=list)
    checks: list[bytes] = field(default_factory=list)
    # Cleared: nobody is answered until it is set again.
    answers: threading.Event = field(default_factory=threading.Event)

    # Cleared: nobody is told whether it is ready until it is set again.
    says_ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.answers.set()
        self.says_ready.set()

    def answer(self, asked: bytes) -> bytes | None:
        is_check = asked.startswith(READY) and b"x-lucid-client: fc00" not in asked.lower()
        (self.checks if is_check else self.arrived).append(asked)
        status = self.ready if is_check else self.status
        if not status:
            return None
        return b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" % status


@contextmanager
def upstream(path: Path) -> Iterator[Upstream]:
    made = Upstream(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)
        threading.Thread(target=_serve, args=(listening, made), daemon=True).start()
        yield made
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, made: Upstream) -> None:
    while True:
        try:
            line, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_talk, args=(line, made), daemon=True).start()


def _talk(line: socket.socket, made: Upstream) -> None:
    with line, suppress(OSError):
        line.settimeout(20)
        asked = _whole_request(line, made)
        said = made.answer(asked) if asked else None
        (made.says_ready if asked.startswith(READY) else made.answers).wait(20)
        if said:
            line.sendall(said)


def _whole_request(line: socket.socket, made: Upstream) -> bytes:
    received = b""
    while piece := line.recv(65536):
        if not received and not piece.startswith(READY):
            made.begun += 1
        received += piece
        head, blank, body = received.partition(b"\r\n\r\n")
        lowered = head.lower()
        if not blank:
            continue
        if b"transfer-encoding: chunked" in lowered:
            if body.endswith(b"0\r\n\r\n"):
                return received
        elif len(body) >= _length(lowered):
            return received
    return b""


def _length(head: bytes) -> int:
    for text in head.split(b"\r\n"):
        if text.startswith(b"content-length:"):
            return int(text.partition(b":")[2])
    return 0
