"""The forwarder from a port on loopback to tor's socket: every byte, both ways, and nothing kept from a dead tor."""

from __future__ import annotations

import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lucid_payments.onion import socks
from lucid_payments.onion.socks import Reach
from tests.harness.ports import free_port

MEGABYTE = bytes(range(256)) * 4096


class Echo(socketserver.StreamRequestHandler):
    """Answers once the other side has said that it has no more."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.read())


@contextmanager
def served(path: Path, handler: type[socketserver.StreamRequestHandler] = Echo) -> Iterator[None]:
    with socketserver.ThreadingUnixStreamServer(str(path), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
    path.unlink()


@pytest.fixture
def tor_socket(tmp_path: Path) -> Path:
    return tmp_path / "socks.sock"


@pytest.fixture
def port(tor_socket: Path) -> Iterator[int]:
    number = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "lucid_payments.onion.forward",
            "--listen",
            f"127.0.0.1:{number}",
            "--to",
            tor_socket,
        ]
    )
    try:
        listens(number)
        yield number
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def listens(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise AssertionError("it doesn't listen")


def exchange(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as asking:
        asking.sendall(sent)
        asking.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: asking.recv(65_536), b""))


def test_everything_arrives_and_an_end_of_one_direction_leaves_the_other_open(
    port: int, tor_socket: Path
) -> None:
    with served(tor_socket), ThreadPoolExecutor(8) as threads:
        pieces = [bytes([number]) + MEGABYTE for number in range(8)]
        assert list(threads.map(lambda piece: exchange(port, piece), pieces)) == pieces


def test_a_tor_that_is_away_hangs_up_at_once_and_is_found_again_when_it_is_back(
    port: int, tor_socket: Path
) -> None:
    proxy = f"socks5h://127.0.0.1:{port}"
    assert not socks.answers(proxy)
    assert socks.reach(proxy, "x.onion", seconds=5) is Reach.NOT_REACHED
    with served(tor_socket):
        assert exchange(port, b"there") == b"there"
    assert not socks.answers(proxy)
    with served(tor_socket):
        assert exchange(port, b"again") == b"again"


def test_a_client_that_goes_in_the_middle_disturbs_nobody(port: int, tor_socket: Path) -> None:
    with served(tor_socket):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port), 5) as asking:
                asking.sendall(MEGABYTE[:100_000])
        assert exchange(port, b"still") == b"still"


def test_a_program_that_listens_on_a_port_alone_has_a_socket_for_its_onion(tmp_path: Path) -> None:
    """Another's network, where that port isn't: Tor asks a file, whose folder says who may."""
    made = tmp_path / "page.sock"
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [sys.executable, "-m", "lucid_payments.onion.forward", f"--listen={made}"]
        process = subprocess.Popen([*command, f"--to=127.0.0.1:{server.server_address[1]}"])
        try:
            deadline = time.monotonic() + 30
            while not made.exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(10)
                asking.connect(str(made))
                asking.sendall(MEGABYTE)
                asking.shutdown(socket.SHUT_WR)
                assert b"".join(iter(lambda: asking.recv(65_536), b"")) == MEGABYTE
            assert made.stat().st_mode & 0o777 == 0o660
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()
            server.shutdown()


@pytest.mark.parametrize("where", ["10.0.0.1:9090", "prometheus:9090", "9090"])
def test_it_goes_on_to_loopback_alone(where: str) -> None:
    command = [sys.executable, "-m", "lucid_payments.onion.forward", "--to", where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "address of loopback" in done.stderr) == (2, True)


@pytest.mark.parametrize("where", ["0.0.0.0:9050", "localhost:9050", "127.0.0.1:0", "127.0.0.1", "[::]:9050"])
def test_it_listens_on_loopback_alone(where: str) -> None:
    command = [sys.executable, "-m", "lucid_payments.onion.forward", "--listen", where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "address of loopback" in done.stderr


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (0x00, Reach.REACHED),
        (0xF4, Reach.KEY_MISSING),
        (0xF5, Reach.KEY_WRONG),
        (0xF0, Reach.NOT_FOUND),
        (0x05, Reach.NOT_REACHED),
    ],
)
def test_tors_answers_are_told_apart(port: int, tor_socket: Path, code: int, found: Reach) -> None:
    asked = []

    class Tor(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.read(3)
            self.wfile.write(b"\x05\x00")
            if head := self.rfile.read(5):
                asked.append((head[3], self.rfile.read(head[4] + 2)))
                self.wfile.write(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))

    with served(tor_socket, Tor):
        assert socks.answers(f"socks5h://127.0.0.1:{port}")
        assert socks.reach(f"socks5h://127.0.0.1:{port}", "abc.onion") is found
    assert asked == [(3, b"abc.onion\x00\x50")]
