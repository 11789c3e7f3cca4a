"""What goes out: through Tor's port with names for it to look up, or not at all, whoever asks and for what."""

from __future__ import annotations

import ast
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection, send_mail
from pytest_django import Settings

from lucid_payments import outgoing
from lucid_payments.events import deliveries, targets
from payouts import chain
from payouts.tron.errors import NodeError
from payouts.tron.nodes import NodePool
from tests.harness.socks import DOMAIN_NAME, Proxy, socks_proxy

ROOT = Path(__file__).resolve().parents[2]
ONION = "a" * 56 + ".onion"
NODE = {"name": "one/two", "operator": "op", "url": f"http://{ONION}"}
CLOSED = "socks5h://127.0.0.1:1"
# Modules that open connections or start programs, and where in the product they may be used, each for its reason.
REACHING = {
    "socket", "ssl", "smtplib", "http.client", "urllib.request", "requests", "httpx", "urllib3", "socks", "asyncio",
    "ftplib", "imaplib", "poplib", "telnetlib", "xmlrpc.client", "aiohttp", "tronpy.providers", "tronpy",
}  # fmt: skip
USED_BY = {
    # Out, by `outgoing.proxy`.
    "payouts/tron/transport.py",
    "lucid_payments/events/targets.py",
    "lucid_payments/events/deliveries.py",
    "kyc/screening/fetching.py",
    "lucid_payments/outgoing_mail.py",
    # To tor itself, on this machine.
    "lucid_payments/onion/socks.py",
    "lucid_payments/onion/metrics.py",
    "lucid_payments/onion/forward.py",
    # To the installation's own: the web's and the gateway's sockets, and Prometheus on the operator's word.
    "lucid_payments/healthcheck.py",
    "lucid_payments/watch/door.py",
    "lucid_payments/watch/availability.py",
    "lucid_payments/doctor/doors.py",
    # The demo and the test chain, which are never live.
    "lucid_payments/embedded/",
    "payouts/devnet/",
}


def test_nothing_else_in_the_product_can_open_a_connection() -> None:
    """Whoever adds a way out comes past here, and goes through `outgoing`."""
    found = set()
    for package in ("lucid_payments", "kyc", "routers", "payouts"):
        for file in (ROOT / package).rglob("*.py"):
            if imported(file) & REACHING:
                found.add(str(file.relative_to(ROOT)))
    known = {name for name in found if any(name.startswith(allowed) for allowed in USED_BY)}
    # Of tronpy only its keys and its ABI are used elsewhere: neither asks anybody.
    assert {name for name in found - known if not uses_tronpy_offline(ROOT / name)} == set()


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names | {name.split(".")[0] for name in names if name.split(".")[0] in REACHING}


def uses_tronpy_offline(file: Path) -> bool:
    ours = {name for name in imported(file) if name.split(".")[0] in REACHING}
    return all(name == "tronpy" or name.startswith(("tronpy.keys", "tronpy.abi")) for name in ours)


def test_each_purpose_has_a_user_name_and_so_a_circuit_of_its_own(settings: Settings) -> None:
    settings.TOR_PROXY = "socks5h://127.0.0.1:9050"
    assert outgoing.proxy("webhooks") == "socks5h://webhooks:lucid@127.0.0.1:9050"
    assert outgoing.proxy("node-a@b:c/d") == "socks5h://node-a-b-c-d:lucid@127.0.0.1:9050"
    assert outgoing.proxy("x", at="socks5h://[::1]:9150") == "socks5h://x:lucid@[::1]:9150"


@pytest.mark.parametrize(
    "proxy",
    ["", "socks5://127.0.0.1:9050", "http://127.0.0.1:8118", "socks5h://tor:9050", "socks5h://1.1.1.1:9050"],
)
def test_live_there_is_no_other_way(settings: Settings, proxy: str) -> None:
    settings.IS_LIVE, settings.TOR_PROXY = True, proxy
    settings.TRON_NODES, settings.EMAIL_HOST = [NODE], "mail.example"
    settings.EMAIL_BACKEND = "lucid_payments.outgoing_mail.TorEmailBackend"
    for call in (lambda: outgoing.proxy("mail"), targets.pool):
        with pytest.raises(outgoing.NoWayOut):
            call()
    with pytest.raises(ImproperlyConfigured, match="one/two"):
        chain.node_configs()
    with pytest.raises(OSError, match=r"."):
        send_mail("s", "b", None, ["a@b.example"])


def test_a_node_cannot_leave_the_proxy_out(settings: Settings) -> None:
    settings.TOR_PROXY, settings.TRON_NODES = "socks5h://127.0.0.1:9050", [{**NODE, "proxy": ""}]
    assert chain.node_configs()[0].proxy == "socks5h://node-one-two:lucid@127.0.0.1:9050"


@pytest.fixture
def no_lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that somebody wanted to have looked up here."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1"):
            asked.append(str(host))
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "getfqdn", lambda name="": getaddrinfo(name, 0))
    monkeypatch.setattr(socket, "gethostbyname", lambda name: getaddrinfo(name, 0))
    return asked


class MailServer(socketserver.StreamRequestHandler):
    said: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            self.said.append(line.decode().rstrip())
            if line[:4].upper() == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (part := self.rfile.readline()) != b".\r\n":
                    self.said.append(part.decode().rstrip())
            self.wfile.write(b"250 fine\r\n")
            if line[:4].upper() == b"QUIT":
                return


@pytest.fixture
def mailed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], Proxy]]:
    MailServer.said = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with socks_proxy(("127.0.0.1", server.server_address[1])) as proxy:
            # The harness's proxy waits for the client's first word; a mail server speaks first.
            proxy.server_speaks_first = True
            settings.TOR_PROXY = f"socks5h://{proxy.address}"
            settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "mail.example", 587, False
            settings.DEFAULT_FROM_EMAIL = "Payments <payments@desk.example>"
            monkeypatch.setattr(mail.utils.DNS_NAME, "_fqdn", "unset", raising=False)
            yield MailServer.said, proxy
        server.shutdown()


def test_mail_goes_through_tor_and_tells_no_name_of_this_machine(
    mailed: tuple[list[str], Proxy], no_lookups: list[str]
) -> None:
    said, proxy = mailed
    with get_connection("lucid_payments.outgoing_mail.TorEmailBackend") as connection:
        send_mail("Subject", "Body", None, ["ann@example.org"], connection=connection)
    assert proxy.asked == [(DOMAIN_NAME, "mail.example")]
    assert said[0] == "ehlo desk.example"
    assert next(line for line in said if line.startswith("Message-ID:")).endswith("@desk.example>")
    assert not [line for line in said if socket.gethostname() in line]
    assert no_lookups == []


def test_while_tor_is_away_nothing_is_called_and_no_delivery_uses_up_a_try(
    db: None, settings: Settings, no_lookups: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TOR_PROXY, settings.TRON_NODES = CLOSED, [{**NODE, "url": "https://node.example"}]
    monkeypatch.setattr(deliveries, "_take", lambda: pytest.fail("a delivery was taken"))
    assert deliveries.deliver_due() == 0
    pool = NodePool(chain.node_configs(), usdt_contract=chain.network().usdt_contract)
    with pytest.raises(NodeError):
        pool["one/two"].head()
    pool.close()
    settings.EMAIL_HOST = "mail.example"
    with pytest.raises(OSError, match=r"."):
        get_connection("lucid_payments.outgoing_mail.TorEmailBackend").open()
    with pytest.raises(Exception, match="Connection refused"), targets.time_limit():
        targets.pool().request("POST", "https://hook.example/", retries=False)
    assert no_lookups == []
