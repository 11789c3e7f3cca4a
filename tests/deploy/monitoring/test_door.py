"""The door for Prometheus: one page of the web on a loopback port, and no other."""

from __future__ import annotations

import http.server
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lucid_payments.embedded.sockets import socket_folder
from lucid_payments.watch import door
from tests.deploy.monitoring.programs import get, running
from tests.harness.ports import free_port

PAGE = b"# TYPE tron_pending_payouts_count gauge\ntron_pending_payouts_count 3.0\n"


@dataclass
class Web:
    path: Path
    status: int = 200
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A web on a Unix socket that writes down what it is asked."""
    found = Web(socket_folder(tmp_path) / "web.sock")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append((self.path, {name.lower(): text for name, text in self.headers.items()}))
            self.send_response(found.status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def address_string(self) -> str:
            return "socket"

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(found.path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def port(web: Web) -> Iterator[int]:
    with door.Door(("127.0.0.1", 0), str(web.path), "lucid") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_the_page_of_metrics_comes_through_with_the_token_and_nothing_else(web: Web, port: int) -> None:
    sent = {"Authorization": "Bearer t", "X-Lucid-Client": "me", "X-Lucid-Gateway-Token": "g", "Cookie": "c"}
    assert get(port, "/metrics", sent) == (200, PAGE.decode())
    ((path, headers),) = web.asked
    assert path == "/metrics"
    assert headers == {"host": "lucid", "authorization": "Bearer t", "accept-encoding": "identity"}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/admin/",
        "/gateway",
        "/api/payment/payouts",
        "/metrics/",
        "/metrics?a=b",
        "/%6detrics",
        "/metrics/../admin/",
    ],
)
def test_no_other_path_reaches_the_web(web: Web, port: int, path: str) -> None:
    assert get(port, path)[0] == 404
    assert web.asked == []


def test_the_gateway_is_asked_for_its_figures_alone_and_never_by_the_web_s_token(web: Web) -> None:
    with door.Door(("127.0.0.1", 0), "/nonexistent", "lucid", str(web.path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        answers = get(server.server_address[1], "/gateway", {"Authorization": "Bearer t"})
        server.shutdown()
        thread.join()
    assert answers == (200, PAGE.decode())
    ((path, headers),) = web.asked
    assert path == door.GATEWAY_QUESTION
    assert headers == {"host": "lucid", "accept-encoding": "identity"}


def test_what_the_web_refuses_stays_refused(web: Web, port: int) -> None:
    web.status = 503
    assert get(port, "/metrics")[0] == 503


def test_a_web_that_is_away_is_no_page(tmp_path: Path) -> None:
    with door.Door(("127.0.0.1", 0), str(tmp_path / "nobody"), "lucid") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        assert get(server.server_address[1], "/metrics")[0] == 502
        server.shutdown()
        thread.join()


def test_the_process_is_small_and_ends_when_it_is_told(web: Web, tmp_path: Path) -> None:
    """Nothing of Django in it: it runs beside the web on a small machine."""
    port = free_port()
    command = [sys.executable, "-m", "lucid_payments.watch.door", f"--listen=127.0.0.1:{port}"]
    with running(*command, f"--to={web.path}", log=tmp_path / "log", ready=lambda: get_or_none(port) == 200):
        pass
    assert (tmp_path / "log").read_text() == ""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, lucid_payments.watch.door; print('django' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert loaded.stdout == "False\n"


def get_or_none(port: int) -> int | None:
    try:
        return get(port, "/metrics")[0]
    except OSError:
        return None


@pytest.mark.parametrize("place", ["localhost:9464", "9464", "0.0.0.0", "web:9464"])
def test_it_listens_on_an_address_and_never_on_a_name(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        door.main([f"--listen={place}"])
    assert "isn't ADDRESS:PORT" in capsys.readouterr().err
