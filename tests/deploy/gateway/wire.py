"""What an outsider can do to a door: bytes in, bytes out, nothing made well by a library."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from itertools import count
from typing import Any

PATIENCE = 60
# HiddenServiceExportCircuitID: a prefix that is nobody's, and the circuit's number.
TOR = IPv6Address("fc00:dead:beef:4dad::")
_circuits = count(1)


def new_circuit() -> str:
    """The address by which Tor names a circuit that nobody has used yet."""
    return str(TOR + next(_circuits))


@dataclass(frozen=True)
class Reply:
    """One answer; `status` 0 where the door was closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes
    # What came after it on the same connection.
    rest: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    """A TCP port of this machine, or a Unix socket; `circuit` is told by a PROXY line, where the door wants one."""

    address: str | tuple[str, int]
    circuit: str | None = None
    # 127.0.0.0/8 is all this machine: each test may come from an address of its own.
    source: str = ""
    line: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        if self.circuit is not None:
            self.line = f"PROXY TCP6 {self.circuit} ::1 65535 42\r\n".encode()

    def open(self) -> socket.socket:
        if isinstance(self.address, str):
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(PATIENCE)
            made.connect(self.address)
        else:
            source = (self.source, 0) if self.source else None
            made = socket.create_connection(self.address, PATIENCE, source)
        if self.line:
            made.sendall(self.line)
        return made

    def say(self, *pieces: bytes, pause: float = 0) -> Reply:
        """Send the pieces, with a pause between them, and read until the door is closed or the answer is whole."""
        with self.open() as line:
            for number, piece in enumerate(pieces):
                if number and pause:
                    time.sleep(pause)
                try:
                    line.sendall(piece)
                except OSError:
                    break
            return read(line)


def read(line: socket.socket) -> Reply:
    """The next answer on this connection."""
    received = b""
    with suppress(ConnectionError):
        while piece := line.recv(65536):
            received += piece
            if found := _parsed(received):
                return found
    return Reply(0, {}, received)


def read_to_the_end(line: socket.socket) -> bytes:
    """Everything until the door is closed, or nothing comes any more after an answer's beginning."""
    received = b""
    with suppress(ConnectionError, TimeoutError):
        while piece := line.recv(65536):
            received += piece
            line.settimeout(0.5)
    return received


def _parsed(received: bytes) -> Reply | None:
    head, blank, after = received.partition(b"\r\n\r\n")
    if not blank:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for text in lines:
        name, _, value = text.partition(":")
        headers[name.title()] = value.strip()
    status = int(first.split()[1])
    if headers.get("Transfer-Encoding") == "chunked":
        if b"0\r\n\r\n" not in after:
            return None
        chunks, _, rest = after.partition(b"0\r\n\r\n")
        return Reply(status, headers, _unchunked(chunks), rest)
    length = int(headers.get("Content-Length", 0))
    if status == 100:
        return _parsed(after)
    return Reply(status, headers, after[:length], after[length:]) if len(after) >= length else None


def _unchunked(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        body += chunks[: int(size, 16)]
        chunks = chunks[int(size, 16) + 2 :]
    return body


def request(method: str, target: str, *headers: str, body: bytes = b"", host: str = "localhost") -> bytes:
    """A request of HTTP/1.1 with its Host and length, unless a header given says otherwise."""
    given = {header.split(":")[0].lower() for header in headers}
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {host}")
    lines += headers
    if body and not given & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
