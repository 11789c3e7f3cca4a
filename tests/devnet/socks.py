"""A SOCKS5 proxy for tests: CONNECT without authentication, and a list of the names it was asked for."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import cast

from tests.harness.ports import HOST

VERSION = 5
NO_AUTHENTICATION = 0
CONNECT = 1
IPV4, NAME = 1, 3
SUCCEEDED, UNREACHABLE = 0, 4
CHUNK = 65_536


class SocksProxy(ThreadingTCPServer):
    """`asked` holds each (name or address, port) as the client sent it; names resolve to loopback here."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Connection)
        self.asked: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        """With `socks5h` the proxy, and not the client, looks names up: as through Tor."""
        return f"socks5h://{HOST}:{self.server_address[1]}"


class _Connection(StreamRequestHandler):
    rbufsize = 0

    def handle(self) -> None:
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(bytes([VERSION, NO_AUTHENTICATION]))
        _, _, _, kind = self.rfile.read(4)
        name = socket.inet_ntoa(self.rfile.read(4)) if kind == IPV4 else self._name()
        (port,) = struct.unpack(">H", self.rfile.read(2))
        cast(SocksProxy, self.server).asked.append((name, port))
        try:
            upstream = socket.create_connection((HOST, port))
        except OSError:
            self.wfile.write(bytes([VERSION, UNREACHABLE, 0, IPV4]) + bytes(6))
            return
        with upstream:
            self.wfile.write(bytes([VERSION, SUCCEEDED, 0, IPV4]) + bytes(6))
            with suppress(ConnectionError):
                self._relay(upstream)

    def _name(self) -> str:
        (length,) = self.rfile.read(1)
        return self.rfile.read(length).decode("ascii")

    def _relay(self, upstream: socket.socket) -> None:
        other = {self.connection: upstream, upstream: self.connection}
        while True:
            readable, _, _ = select.select(list(other), [], [])
            for source in readable:
                data = source.recv(CHUNK)
                if not data:
                    return
                other[source].sendall(data)


@contextmanager
def socks_proxy() -> Iterator[SocksProxy]:
    """A proxy on a free port."""
    with SocksProxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
