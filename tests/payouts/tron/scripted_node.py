"""A node of a few lines that answers exactly what a test tells it to, over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from payouts.tron.networks import NETWORKS
from payouts.tron.nodes import Node, NodeConfig, NodePool

CONTRACT = NETWORKS["devnet"].usdt_contract


@dataclass
class Reply:
    """What to send for one path. `drip` sends the body byte by byte with that many seconds between."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    drip: float = 0


class ScriptedNode:
    """`answers[path]` is JSON to send, or a `Reply`; `seen` are the requests as (path, headers, body)."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.seen: list[tuple[str, dict[str, str], Any]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path = self.path.lstrip("/")
                script.seen.append((path, dict(self.headers), json.loads(body)))
                script.send(self, script.answers.get(path, {}))

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def send(self, request: BaseHTTPRequestHandler, answer: Any) -> None:
        reply = answer if isinstance(answer, Reply) else Reply(json.dumps(answer).encode())
        time.sleep(reply.delay)
        request.send_response(reply.status)
        for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
            request.send_header(name, value)
        request.end_headers()
        try:
            if not reply.drip:
                request.wfile.write(reply.body)
            for byte in reply.body if reply.drip else b"":
                request.wfile.write(bytes([byte]))
                time.sleep(reply.drip)
        except OSError:
            request.close_connection = True

    def config(self, name: str = "one", **options: Any) -> NodeConfig:
        fields: dict[str, Any] = {"operator": name, "url": self.url, "timeout": 0.3} | options
        return NodeConfig(name, **fields)

    def node(self, **options: Any) -> Node:
        on_call = options.pop("on_call", None)
        return Node(self.config(**options), usdt_contract=CONTRACT, on_call=on_call)

    def head_is(self, number: int, timestamp_ms: int, *, solid: int | None = None) -> None:
        self.answers["wallet/getblock"] = block_json(number, timestamp_ms)
        self.answers["walletsolidity/getblock"] = block_json(
            number - 18 if solid is None else solid, timestamp_ms - 54_000
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def scripted_nodes(count: int = 1) -> Iterator[list[ScriptedNode]]:
    nodes = [ScriptedNode() for _ in range(count)]
    try:
        yield nodes
    finally:
        for node in nodes:
            node.close()


def pool_of(nodes: list[ScriptedNode], **options: Any) -> NodePool:
    """A pool whose nodes are called node1, node2, … each with an operator of its own."""
    configs = [node.config(f"node{index}") for index, node in enumerate(nodes, 1)]
    return NodePool(configs, usdt_contract=CONTRACT, **options)


def block_id(number: int, filler: str = "ab") -> str:
    return number.to_bytes(8).hex() + filler * 24


def block_json(number: int, timestamp_ms: int, transactions: list[Any] | None = None) -> dict[str, Any]:
    raw = {"number": number, "parentHash": block_id(number - 1), "timestamp": timestamp_ms}
    block: dict[str, Any] = {"blockID": block_id(number), "block_header": {"raw_data": raw}}
    return block | ({"transactions": transactions} if transactions else {})
