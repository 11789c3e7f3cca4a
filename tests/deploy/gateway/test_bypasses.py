"""Ways round the gateway, each a row with its name: none reaches the service as anything but what it is.

A row that must be refused asks for a payout with everything else in order, so that it would be created if the one
thing that is wrong were not seen.
"""

from __future__ import annotations

import json
import uuid

import pytest

from lucid_payments.accounts.models import User
from payouts.models import Payout
from tests.api_client import BASE
from tests.deploy.gateway import tokens, wire
from tests.deploy.gateway.house import Gateway, wait_for
from tests.deploy.gateway.rows import NOBODY, PAYOUTS, REQUESTS, TOKENS, Outsider
from tests.deploy.gateway.test_doors import JSON, ORDER, refused
from tests.deploy.gateway.tokens import header, signed
from tests.deploy.gateway.wire import request

pytestmark = pytest.mark.haproxy


@pytest.fixture
def outsider(house: Gateway, user: User) -> Outsider:
    subject = str(user.public_id)
    return Outsider(subject, signed(header(), tokens.claims(subject)), house)


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_isn_t_wholly_in_order(outsider: Outsider, name: str) -> None:
    reply = outsider.house.by_tor().say(TOKENS[name](outsider))
    assert refused(reply, *NOBODY) == {}
    assert reply.headers["Www-Authenticate"] == "Bearer"
    assert reached_the_service(outsider, reply) is False
    assert not Payout.objects.filter(creator__public_id=outsider.subject).exists()


def reached_the_service(who: Outsider, reply: wire.Reply) -> bool:
    """By the gateway's own line about the request, which it writes when the answer is out."""

    def lines() -> list[str]:
        return [line for line in who.house.log.splitlines() if reply.headers["X-Request-Id"] in line]

    wait_for(lambda: bool(lines()), lambda: "no line in the log")
    return bool(json.loads(lines()[0])["backend"] not in ("api", "refused_tokens", "over_limit"))


@pytest.mark.parametrize("door", ["by_tor", "by_tcp"])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_isn_t_wholly_in_order(outsider: Outsider, name: str, door: str) -> None:
    made, (status, code) = REQUESTS[name]
    where = outsider.house.by_tor() if door == "by_tor" else outsider.house.by_tcp(own_address())
    reply = where.say(made(outsider))
    assert not Payout.objects.filter(creator__public_id=outsider.subject).exists()
    if status:
        refused(reply, status, code)
    else:
        assert (reply.status, reply.body) == (0, b"")


def own_address() -> str:
    number = uuid.uuid4().int
    return f"127.{1 + number % 250}.{number // 250 % 250}.{1 + number // 62500 % 250}"


def test_the_order_that_the_rows_spoil_is_a_good_one(outsider: Outsider) -> None:
    assert outsider.house.by_tor().say(outsider.pay(outsider.bearer)).status == 201
    assert Payout.objects.filter(creator__public_id=outsider.subject).count() == 1


def test_a_bid_for_http_2_is_passed_over(outsider: Outsider) -> None:
    bid = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAAA")
    with outsider.house.by_tor().open() as line:
        line.sendall(outsider.pay(outsider.bearer, *bid))
        assert wire.read_to_the_end(line).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    "how",
    [
        ("Content-Length: {length}", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: {length}"),
        ("Content-Length: {length}", "Transfer-Encoding:\tchunked"),
        ("Content-Length: {length}", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ],
)
def test_no_second_request_is_smuggled_in_a_body(outsider: Outsider, how: tuple[str, ...]) -> None:
    """To a front that goes by the chunks the order is a second request, which has no token of its own; to one that
    goes by the length it is a body. Whichever the service took, it must not be paid with the first one's token."""
    inner = request("POST", PAYOUTS, JSON, "Connection: close", body=ORDER)
    body = b"0\r\n\r\n" + inner
    first = request(
        "GET", PAYOUTS, outsider.bearer, *(line.format(length=len(body)) for line in how), body=body
    )
    with outsider.house.by_tor().open() as line:
        line.sendall(first)
        received = wire.read_to_the_end(line)
    assert b"HTTP/1.1 201" not in received
    assert received.count(b"HTTP/1.1 200") <= 1
    assert not Payout.objects.filter(creator__public_id=outsider.subject).exists()


def test_a_slow_body_reaches_nobody(outsider: Outsider, impatient: Gateway) -> None:
    whole = outsider.pay(outsider.bearer)
    reply = impatient.by_tor().say(whole[:-20])
    assert refused(reply, 408, "LUCID_ERR_1004") == {}
    assert not Payout.objects.filter(creator__public_id=outsider.subject).exists()


def test_slow_headers_are_closed_upon(outsider: Outsider, impatient: Gateway) -> None:
    whole = outsider.pay(outsider.bearer)
    reply = impatient.by_tor().say(*(whole[n : n + 4] for n in range(0, 40, 4)), pause=0.3)
    assert (reply.status, reply.body) == (0, b"")


API_AT_THE_ADMIN_S_DOOR = (
    "/api/payment/health/live",
    "/api/payment/payouts",
    "/api/payment/metrics",
    "/metrics",
    "/docs",
    "/",
    "/adminx/",
    "/static",
)


@pytest.mark.parametrize("path", API_AT_THE_ADMIN_S_DOOR)
def test_nothing_but_the_back_office_is_behind_the_admin_s_door(outsider: Outsider, path: str) -> None:
    reply = outsider.house.of_admin().say(request("GET", path, outsider.bearer))
    assert (reply.status, reply.body) == (404, b"There is nothing here.\n")


@pytest.mark.parametrize(
    "target",
    [
        "/admin/../api/payment/payouts",
        "/admin/%2e%2e/api/payment/payouts",
        "/admin/..%2fapi/payment/payouts",
        "/admin//api/payment/payouts",
        "/admin/%252e%252e/api/payment/payouts",
        "/static/../api/payment/payouts",
        "/static/..%5capi/payment/payouts",
        "/admin\\..\\api",
        "http://localhost/admin/login/",
    ],
)
def test_no_spelling_leads_from_the_admin_s_door_to_the_api(outsider: Outsider, target: str) -> None:
    reply = outsider.house.of_admin().say(request("GET", target, outsider.bearer))
    assert (reply.status, reply.body) == (400, b"This isn't taken here.\n")


def test_the_gateway_s_token_can_t_be_guessed_at_the_door(outsider: Outsider) -> None:
    """Even the right one is taken away: it says nothing about who brought it."""
    said = ("X-Lucid-Gateway-Token: " + outsider.house.door.token, "X-Lucid-Client: 10.0.0.1")
    asked = request("POST", f"{BASE}/auth/key", JSON, *said, body=b'{"key": "x"}')
    replies = [outsider.house.by_tor().say(asked) for _ in range(2)]
    assert [reply.headers["X-Ratelimit-Remaining"] for reply in replies] == ["9999", "9999"]
