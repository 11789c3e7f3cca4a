"""A SOCKS5 proxy on loopback that keeps what it was asked for, and loses answers when it is told to."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

DOMAIN_NAME = 3


@dataclass
class Proxy:
    """`asked`: address type and host of each request, as they came. Every name leads to `target`."""

    target: tuple[str, int]
    address: str = ""
    asked: list[tuple[int, str]] = field(default_factory=list)
    # Beginnings of requests: the first one to each arrives and is answered, and its answer gets lost.
    lose: list[bytes] = field(default_factory=list)
    # As of a mail server: then no request is waited for, and none can be lost.
    server_speaks_first: bool = False

    def loses(self, request: bytes) -> bool:
        found = next((beginning for beginning in self.lose if request.startswith(beginning)), None)
        if found is not None:
            self.lose.remove(found)
        return found is not None


@contextmanager
def socks_proxy(target: tuple[str, int]) -> Iterator[Proxy]:
    proxy = Proxy(target)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):
                _serve(proxy, self)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _serve(proxy: Proxy, client: Any) -> None:
    version, methods = client.rfile.read(2)
    assert version == 5
    assert 0 in client.rfile.read(methods)
    client.wfile.write(b"\x05\x00")
    _, _, _, kind = client.rfile.read(4)
    size = client.rfile.read(1)[0] if kind == DOMAIN_NAME else {1: 4, 4: 16}[kind]
    host = client.rfile.read(size)
    client.rfile.read(2)
    proxy.asked.append((kind, host.decode() if kind == DOMAIN_NAME else host.hex()))
    # The bound address as a name, which is the longest of the forms to read past.
    client.wfile.write(b"\x05\x00\x00\x03\x05proxy\x00\x00")
    request = b"" if proxy.server_speaks_first else client.rfile.read1(65_536)
    with socket.create_connection(proxy.target) as onward:
        onward.sendall(request)
        asking = threading.Thread(target=_pump, args=(client.rfile, onward), daemon=True)
        asking.start()
        _answer(proxy, request, onward, client)


def _answer(proxy: Proxy, request: bytes, onward: socket.socket, client: Any) -> None:
    part = onward.recv(65_536)
    if proxy.loses(request):
        client.connection.shutdown(socket.SHUT_RDWR)
        return
    while part:
        client.wfile.write(part)
        part = onward.recv(65_536)


def _pump(reader: Any, onward: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while part := reader.read1(65_536):
            onward.sendall(part)
