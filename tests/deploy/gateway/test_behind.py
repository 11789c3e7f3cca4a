"""What reaches the service, and what the gateway does when it fails: seen from behind, by a stand-in."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from tests.api_client import BASE
from tests.deploy.gateway import tokens, wire
from tests.deploy.gateway.house import Gateway, wait_for
from tests.deploy.gateway.test_doors import JSON, ORDER, refused
from tests.deploy.gateway.upstream import Upstream
from tests.deploy.gateway.wire import Reply, request

pytestmark = pytest.mark.haproxy

PAYOUTS = f"{BASE}/payouts"
AWAY = (503, "LUCID_ERR_1005")


class Pair:
    """The gateway, and what stands behind it in place of the service."""

    def __init__(self, gateway: Gateway, told: Upstream) -> None:
        self.gateway, self.told = gateway, told

    def ask(
        self, method: str, path: str = PAYOUTS, *headers: str, circuit: str = "", body: bytes = b""
    ) -> Reply:
        """With a good token of somebody new."""
        said = tokens.signed(tokens.header(), tokens.claims(str(uuid.uuid4())))
        asked = request(method, path, f"Authorization: Bearer {said}", *headers, body=body)
        return self.gateway.by_tor(circuit).say(asked)

    def pay(self) -> Reply:
        return self.ask("POST", PAYOUTS, JSON, body=ORDER)

    def is_open_for(self, method: str, path: str) -> bool:
        """Whether requests go through; the breaker's, not the service's, is the answer without an arrival."""
        before = len(self.told.arrived)
        self.ask(method, path)
        return len(self.told.arrived) > before

    def is_well(self, method: str, path: str) -> bool:
        return self.ask(method, path).status == 200


@pytest.fixture
def pair(stand_in: tuple[Gateway, Upstream]) -> Iterator[Pair]:
    """Everything well before and after."""
    made = Pair(*stand_in)
    made.told.arrived.clear()
    yield made
    made.told.status = made.told.ready = 200
    made.told.says_ready.set()
    for method, path in (("GET", PAYOUTS), ("POST", PAYOUTS), ("POST", f"{BASE}/auth/token")):
        wait_for(partial(made.is_well, method, path), lambda: made.gateway.log)


FROM_OUTSIDE = (
    "X-Lucid-Client: 10.0.0.1", "X-Lucid-Gateway-Token: guessed", "x-lucid-client: 10.0.0.2", "X-Lucid-Anything: 1",
    "X_Lucid_Client: 10.0.0.3", "X-Lucid_Gateway-Token: guessed", "X-User-Id: 1", "X-User-Role: admin", "X-User: root",
    "Remote-User: root", "X-Remote-User: root", "X-Forwarded-For: 10.0.0.4", "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /admin", "Forwarded: for=10.0.0.5", "X-Real-IP: 10.0.0.6",
    "X-Client-IP: 10.0.0.7", "True-Client-IP: 10.0.0.8", "CF-Connecting-IP: 10.0.0.9", "Via: 1.1 evil", "Proxy: evil",
    "SCRIPT_NAME: /admin", "PATH_INFO: /admin", "REMOTE_ADDR: 10.0.0.10", "Script-Name: /admin",
    "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE",
    "X-Method-Override: DELETE", "X-CSRFToken: 1", "Cookie: sessionid=stolen", "X-SSL-Client-Verify: SUCCESS",
    "Connection: X-Lucid-Client, X-Lucid-Gateway-Token", "Keep-Alive: 1", "TE: trailers", "Trailer: X-Lucid-Client",
    "X-Folded: a\r\n X-Lucid-Client: 10.0.0.11", "X-Tabbed:\tX-Lucid-Client: 10.0.0.12",
)  # fmt: skip
PASSED_ON = {
    "host", "authorization", "content-type", "content-length", "idempotency-key", "signature-jws", "accept",
    "user-agent", "x-request-id", "x-lucid-client", "x-lucid-gateway-token", "connection",
}  # fmt: skip


def test_no_header_says_who_a_client_is_but_ours(pair: Pair) -> None:
    circuit = wire.new_circuit()
    kept = ("Idempotency-Key: a", "Signature-JWS: b", "Accept: */*", "User-Agent: c", JSON)
    for other in FROM_OUTSIDE:
        assert pair.ask("POST", PAYOUTS, other, *kept, circuit=circuit, body=ORDER).status == 200, other
        head = pair.told.arrived[-1].partition(b"\r\n\r\n")[0].decode("latin-1")
        first, *lines = head.split("\r\n")
        found = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        assert first == f"POST {PAYOUTS} HTTP/1.1"
        assert set(found) <= PASSED_ON, other
        assert {"idempotency-key", "signature-jws", "authorization"} <= set(found)
        assert found["x-lucid-client"] == circuit, other
        assert found["x-lucid-gateway-token"] == pair.gateway.door.token, other
        assert len(lines) == len(found), "each once"
        assert "10.0.0." not in head


def test_a_smuggled_request_never_arrives_as_one(pair: Pair) -> None:
    said = tokens.signed(tokens.header(), tokens.claims(str(uuid.uuid4())))
    inner = request("POST", f"{BASE}/payouts/batch", JSON, body=ORDER)
    body = b"0\r\n\r\n" + inner
    lengths = (f"Content-Length: {len(body)}", "Transfer-Encoding: chunked")
    with pair.gateway.by_tor().open() as line:
        line.sendall(request("POST", PAYOUTS, f"Authorization: Bearer {said}", JSON, *lengths, body=body))
        wire.read_to_the_end(line)
    assert not any(b"/payouts/batch" in asked for asked in pair.told.arrived)


def test_a_body_is_whole_before_the_service_hears_of_it(pair: Pair) -> None:
    said = tokens.signed(tokens.header(), tokens.claims(str(uuid.uuid4())))
    whole = request(
        "POST", f"{BASE}/payouts/batch", f"Authorization: Bearer {said}", JSON, body=b" " * 40_000
    )
    with pair.gateway.by_tor().open() as line:
        before = pair.told.begun
        line.sendall(whole[:-1])
        time.sleep(0.3)
        assert pair.told.begun == before
        line.sendall(whole[-1:])
        assert wire.read(line).status == 200
        assert pair.told.begun == before + 1


@pytest.mark.parametrize(
    ("path", "at_once"), [("/auth/token", 2), ("/health", 2), ("/schema", 1), ("/payouts/batch/upload", 2)]
)
def test_what_may_be_slow_takes_few_of_the_service_s_threads(pair: Pair, path: str, at_once: int) -> None:
    said = f"Authorization: Bearer {tokens.signed(tokens.header(), tokens.claims(str(uuid.uuid4())))}"
    body = b" " * (100_000 if path.endswith("upload") else 10)
    pair.told.answers.clear()
    before = pair.told.begun
    lines = [pair.gateway.by_tor().open() for _ in range(6)]
    try:
        for line in lines:
            line.sendall(request("POST", f"{BASE}{path}", said, JSON, body=body))
        wait_for(lambda: pair.told.begun == before + at_once, lambda: pair.gateway.log)
        time.sleep(0.2)
        assert pair.told.begun == before + at_once
        pair.told.answers.set()
        assert [wire.read(line).status for line in lines] == [200] * 6
    finally:
        pair.told.answers.set()
        for line in lines:
            line.close()


def test_a_post_whose_service_dies_arrives_once(pair: Pair) -> None:
    pair.told.status = 0
    details = refused(pair.pay(), 502, "LUCID_ERR_1005")
    assert "Idempotency-Key" in details["service"][0]
    assert len(pair.told.arrived) == 1


@pytest.mark.parametrize(
    ("method", "path", "others"),
    [
        ("GET", PAYOUTS, [("POST", PAYOUTS), ("POST", f"{BASE}/auth/token"), ("GET", f"{BASE}/health")]),
        ("POST", PAYOUTS, [("GET", PAYOUTS), ("POST", f"{BASE}/auth/token"), ("GET", f"{BASE}/health")]),
        ("POST", f"{BASE}/auth/token", [("GET", PAYOUTS), ("POST", PAYOUTS)]),
    ],
)
def test_five_failures_in_a_row_open_one_group_s_breaker(
    pair: Pair, method: str, path: str, others: list[tuple[str, str]]
) -> None:
    """Then requests of that group are answered here, until `ready` says that it is well again."""
    pair.told.status = 500
    # It would close the breaker before a slow machine has seen it open.
    pair.told.says_ready.clear()
    statuses = [pair.ask(method, path).status for _ in range(5)]
    assert statuses == [500] * 5
    arrived = len(pair.told.arrived)
    reply = pair.ask(method, path)
    refused(reply, *AWAY)
    assert reply.headers["Retry-After"] == "5"
    assert len(pair.told.arrived) == arrived
    pair.told.status = 200
    pair.told.says_ready.set()
    for another in others:
        assert pair.ask(*another).status == 200, another
    wait_for(lambda: pair.ask(method, path).status == 200, lambda: pair.gateway.log)


def test_failures_between_successes_open_nothing(pair: Pair) -> None:
    for status in (500, 500, 500, 500, 200) * 3:
        pair.told.status = status
        assert pair.pay().status == status


def test_a_service_that_isn_t_ready_is_asked_nothing_until_it_is(pair: Pair) -> None:
    pair.told.ready = 503
    wait_for(lambda: not pair.is_open_for("GET", PAYOUTS), lambda: pair.gateway.log)
    wait_for(lambda: not pair.is_open_for("POST", PAYOUTS), lambda: pair.gateway.log)
    refused(pair.pay(), *AWAY)
    assert pair.ask("GET", f"{BASE}/health").status == 200, "who asks how it is, is told by the service"
    pair.told.ready = 200
    wait_for(lambda: pair.pay().status == 200, lambda: pair.gateway.log)


def test_health_that_says_503_opens_no_breaker(pair: Pair) -> None:
    pair.told.status = 503
    for _ in range(12):
        assert pair.ask("GET", f"{BASE}/health").status == 503
    pair.told.status = 200
    assert pair.ask("GET", PAYOUTS).status == 200
    assert pair.pay().status == 200


def test_ready_is_asked_as_ourselves(pair: Pair) -> None:
    """By a client of its own, with the gateway's token: nobody else can use up its limit."""
    wait_for(lambda: bool(pair.told.checks), lambda: pair.gateway.log)
    lowered = pair.told.checks[-1].lower()
    assert b"x-lucid-gateway-token: " + pair.gateway.door.token.encode() in lowered
    assert b"x-lucid-client: " in lowered
    assert b"host: localhost\r\n" in lowered


def test_a_service_that_is_gone_is_answered_for_in_the_contract_s_shape(pair: Pair) -> None:
    gone = pair.told.path.with_suffix(".gone")
    pair.told.path.rename(gone)
    try:
        refused(pair.pay(), *AWAY)
        page = pair.gateway.of_admin().say(request("GET", "/admin/login/"))
        assert (page.status, page.headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    finally:
        gone.rename(pair.told.path)
