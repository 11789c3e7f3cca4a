"""HTTP/1.1 with keep-alive, a thread per connection, and a hand on the socket for the faults."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

from payouts.devnet import control
from payouts.devnet.devnet import Devnet
from payouts.devnet.misbehaviour import Manner, Reply
from payouts.devnet.requests import Request

HOST: Final = "127.0.0.1"
MAX_BODY: Final = 4 * 1024 * 1024


class NodeServer(ThreadingHTTPServer):
    """One node's port."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, devnet: Devnet, node: int) -> None:
        self.devnet = devnet
        self.node = node
        self._open: set[socket.socket] = set()
        super().__init__((HOST, devnet.options.port + node), NodeHandler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's full name, which takes seconds where DNS is away.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def go_offline(self) -> None:
        """Close the port and every connection, as a machine that went away.

        A control request that comes through this very port loses its answer: ask another node's.
        """
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed by its own thread meanwhile


class NodeHandler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # One packet per answer: clients measure latency.
    wbufsize = -1

    def do_GET(self) -> None:
        self._handle(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            self._send(Reply.of({"Error": "body is too large"}, 413))
            return
        request = _parse(self.rfile.read(int(length)))
        if request is None:
            self._send(Reply.of({"Error": "class com.alibaba.fastjson.JSONException : not a JSON object"}))
        else:
            self._handle(request)

    def do_DELETE(self) -> None:
        self._handle(dict(parse_qsl(urlsplit(self.path).query)))

    def _handle(self, request: Request) -> None:
        server = cast(NodeServer, self.server)
        root, _, name = urlsplit(self.path).path.strip("/").partition("/")
        if root == control.ROOT:
            self._send(control.answer(server.devnet, str(self.command), name, request))
            return
        released = server.devnet.faults.released
        latency = server.devnet.nodes[server.node].latency_ms
        if latency:
            time.sleep(latency / 1000)
        self._deliver(server.devnet.answer(server.node, root, name, request), released)

    def _deliver(self, reply: Reply, released: threading.Event) -> None:
        match reply.manner:
            case Manner.WHOLE:
                if reply.seconds:
                    released.wait(reply.seconds)
                self._send(reply)
            case Manner.CUT:
                self.close_connection = True
            case Manner.HANG:
                released.wait(reply.seconds)
                self.close_connection = True
            case Manner.RAW:
                self.wfile.write(reply.body)
                self.close_connection = True
            case Manner.DRIP:
                self._drip(reply, released)

    def _drip(self, reply: Reply, released: threading.Event) -> None:
        self._send_head(reply)
        for at in range(len(reply.body)):
            self.wfile.write(reply.body[at : at + 1])
            self.wfile.flush()
            released.wait(1 / reply.rate)

    def _send_head(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send(self, reply: Reply) -> None:
        self._send_head(reply)
        self.wfile.write(reply.body)

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client went away; nothing is owed to it

    def finish(self) -> None:
        try:
            super().finish()
        except (ConnectionError, ValueError):
            return  # as above, noticed while flushing

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a line per call would cost more than the call."""


def _parse(body: bytes) -> Request | None:
    if not body:
        return {}
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return request if isinstance(request, dict) else None
