"""The door for Prometheus, which can't ask a Unix socket: `GET /metrics` on a loopback port, and nothing else.

    python -m lucid_payments.watch.door --listen 127.0.0.1:9464 --to /run/lucid/web/web.sock
        [--gateway /run/lucid/figures/gateway.sock]      # `GET /gateway`: what HAProxy has counted

What it takes over is the path, and for the web the bearer token where one is sent. It isn't the gateway: whoever is on
this machine finds these pages behind it, and no other. Python's standard library alone, so that it is small and starts
at once.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

PATH: Final = "/metrics"
GATEWAY_PATH: Final = "/gateway"
# Of all that HAProxy could tell: its doors, groups of servers and servers; not its tables, its threads or its memory.
GATEWAY_QUESTION: Final = "/metrics?scope=frontend&scope=backend&scope=server"
SECONDS: Final = 10.0
# Of one who asks and says nothing.
IDLE_SECONDS: Final = 20.0
LARGEST: Final = 20_000_000
# One of the web's ALLOWED_HOSTS: a name that no outsider has.
HOST: Final = "lucid"


class Door(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], to: str, host: str, gateway: str = "") -> None:
        """`to` is the web's socket, `gateway` HAProxy's for its figures, empty for none."""
        super().__init__(address, Handler)
        self.pages = {PATH: (to, PATH)}
        if gateway:
            self.pages[GATEWAY_PATH] = (gateway, GATEWAY_QUESTION)
        self.host = host


class Handler(http.server.BaseHTTPRequestHandler):
    server: Door
    timeout = IDLE_SECONDS
    server_version = "lucid"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path not in self.server.pages:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"Only figures are here.\n")
            return
        to, question = self.server.pages[self.path]
        headers = {"Host": self.server.host}
        if self.path == PATH and (token := self.headers.get("Authorization")):
            headers["Authorization"] = token
        try:
            status, kind, body = _ask(to, question, headers)
        except (OSError, http.client.HTTPException) as error:
            sys.stderr.write(f"{to} can't be asked: {type(error).__name__}\n")
            self._answer(HTTPStatus.BAD_GATEWAY, "text/plain; charset=utf-8", b"Nobody answers behind it.\n")
            return
        self._answer(status, kind, body)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: a line every 15 seconds tells nobody anything."""


class _ToSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def _ask(path: str, question: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
    """Status, type and body from the socket at `path`. Raises OSError and HTTPException."""
    connection = _ToSocket(path)
    try:
        connection.request("GET", question, headers=headers)
        answer = connection.getresponse()
        body = answer.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise http.client.HTTPException("more than any page of metrics")
        return answer.status, answer.headers.get("Content-Type", "text/plain"), body
    finally:
        connection.close()


def _place(text: str) -> tuple[str, int]:
    """ADDRESS:PORT; a name would be resolved by asking somebody."""
    address, _, port = text.rpartition(":")
    try:
        return str(ipaddress.ip_address(address.strip("[]"))), int(port)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} isn't ADDRESS:PORT, like 127.0.0.1:9464") from None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="door", description="GET /metrics on a port, from a Unix socket.")
    parser.add_argument("--listen", type=_place, default=("127.0.0.1", 9464), metavar="ADDRESS:PORT")
    parser.add_argument("--to", default="/run/lucid/web/web.sock", metavar="SOCKET")
    parser.add_argument("--gateway", default="", metavar="SOCKET", help="where HAProxy tells what it counted")
    parser.add_argument("--host", default=HOST, help="a name of the web's ALLOWED_HOSTS")
    asked = parser.parse_args(arguments)
    with Door(asked.listen, asked.to, asked.host, asked.gateway) as door:
        stop = threading.Thread(target=door.shutdown)
        signal.signal(signal.SIGTERM, lambda number, frame: stop.start())
        signal.signal(signal.SIGINT, lambda number, frame: stop.start())
        door.serve_forever()


if __name__ == "__main__":
    main()
