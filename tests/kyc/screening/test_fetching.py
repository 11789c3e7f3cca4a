"""Lists that have an address: fetched through the proxy that resolves names itself, and in bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from kyc.models import ListVersion
from kyc.screening import fetching, files, staging
from kyc.screening.fetching import FetchFailed
from kyc.screening.sources import ListSource
from lucid_payments import clock
from tests.harness.socks import Proxy, socks_proxy
from tests.kyc.screening.lists import people, put_in_force, tron

pytestmark = pytest.mark.django_db

SOURCE = ListSource("frozen", "lines", "http://lists.example/frozen.txt")
ENTRY = {"name": SOURCE.name, "format": SOURCE.format, "url": SOURCE.url}


class Publisher:
    """What the list's address answers, and what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, tron("a").encode()
        self.headers = {"Last-Modified": "Mon, 16 Nov 2026 08:00:00 GMT"}
        self.asked: list[dict[str, str]] = []


@pytest.fixture
def publisher() -> Iterator[tuple[Publisher, Proxy]]:
    told = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(dict(self.headers))
            self.send_response(told.status)
            for name, value in {**told.headers, "Content-Length": str(len(told.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: the test's output is the test's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    with socks_proxy(("127.0.0.1", server.server_address[1])) as proxy:
        yield told, proxy
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture(autouse=True)
def through(publisher: tuple[Publisher, Proxy], settings: Any) -> None:
    settings.TOR_PROXY = f"socks5h://{publisher[1].address}"
    settings.SCREENING_LISTS = [ENTRY]


def test_what_was_fetched_waits_for_people(publisher: tuple[Publisher, Proxy]) -> None:
    told, proxy = publisher
    assert fetching.fetch_due() == 1
    version = ListVersion.objects.get()
    assert (version.state, version.uploaded_by, str(version.published_on)) == ("staged", None, "2026-11-16")
    assert b"".join(files.read(version)) == told.body
    # By name: Tor resolves it.
    assert proxy.asked == [(3, "lists.example")]
    assert told.asked[0]["Accept-Encoding"] == "identity"
    assert fetching.fetch_due() == 0


def test_the_same_bytes_again_renew_and_others_wait(publisher: tuple[Publisher, Proxy]) -> None:
    told, _ = publisher
    fetching.fetch(SOURCE)
    staging.check_staged()
    version = put_in_force(ListVersion.objects.get())
    assert version.activated_by == people()[1]
    clock.freeze(clock.now() + timedelta(days=6))

    assert fetching.fetch_due() == 1

    version.refresh_from_db()
    assert (version.fresh_at, ListVersion.objects.count()) == (clock.now(), 1)
    clock.freeze(clock.now() + timedelta(days=1))
    told.body += f"\n{tron('b')}".encode()
    assert fetching.fetch_due() == 1
    assert list(ListVersion.objects.order_by("number").values_list("state", flat=True)) == [
        "active",
        "staged",
    ]


@pytest.mark.parametrize(
    ("status", "headers"), [(404, {}), (302, {"Location": "http://127.0.0.1/x"}), (500, {})]
)
def test_another_answer_is_no_list(
    publisher: tuple[Publisher, Proxy], status: int, headers: dict[str, str]
) -> None:
    publisher[0].status, publisher[0].headers = status, headers
    with pytest.raises(FetchFailed, match=str(status)):
        fetching.fetch(SOURCE)
    assert fetching.fetch_due() == 0
    assert len(publisher[0].asked) == 2
    assert not ListVersion.objects.exists()


def test_a_file_without_end_and_an_archive_are_not_taken(
    publisher: tuple[Publisher, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher[0].body = b"\x1f\x8b" + b"x" * 1000
    assert fetching.fetch_due() == 0
    monkeypatch.setattr(files, "MAXIMUM", 500)
    with pytest.raises(FetchFailed, match="too large"):
        fetching.fetch(SOURCE)
    assert not ListVersion.objects.exists()


def test_without_a_proxy_nothing_is_fetched(publisher: tuple[Publisher, Proxy], settings: Any) -> None:
    settings.TOR_PROXY = ""
    assert fetching.fetch_due() == 0
    settings.TOR_PROXY = "socks5h://127.0.0.1:1"
    assert fetching.fetch_due() == 0
    assert publisher[0].asked == []
