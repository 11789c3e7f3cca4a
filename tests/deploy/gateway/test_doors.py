"""What gets through the doors: good requests, as who they are, within limits."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lucid_payments.accounts.models import User
from lucid_payments.api.openapi.document import document
from lucid_payments.audit.models import AuditEntry
from payouts.models import Payout
from tests.api_client import BASE, TIME
from tests.contract.test_tokens import OPEN
from tests.deploy.gateway import tokens, wire
from tests.deploy.gateway.house import SMALL, Gateway, wait_for
from tests.deploy.gateway.wire import Reply, request
from tests.lucid_payments.accounts.issuer import OutsideIssuer
from tests.payouts.api.conftest import order

pytestmark = pytest.mark.haproxy
ORDER = json.dumps(order()).encode()
JSON = "Content-Type: application/json"


def refused(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """The details of a refusal in the contract's shape."""
    assert reply.status == status, reply
    assert reply.headers["Content-Type"] == "application/json"
    error = reply.json["error"]
    assert set(error) == {"code", "message", "details", "request_id", "timestamp"}
    assert error["code"] == code
    assert error["request_id"] == reply.headers["X-Request-Id"]
    assert TIME.fullmatch(error["timestamp"])
    details: dict[str, Any] = error["details"]
    return details


@pytest.mark.parametrize("door", ["by_tor", "by_tcp"])
def test_a_good_request_creates_a_payout_as_who_it_is(
    house: Gateway, user: User, bearer: str, door: str
) -> None:
    circuit = wire.new_circuit()
    where = house.by_tor(circuit) if door == "by_tor" else house.by_tcp("127.0.9.9")
    reply = where.say(
        request("POST", f"{BASE}/payouts", bearer, JSON, f"X-Request-ID: mine.{door}", body=ORDER)
    )
    assert reply.status == 201, reply
    assert reply.headers["X-Request-Id"] == f"mine.{door}"
    assert "Server" not in reply.headers
    payout = Payout.objects.get(payout_id=reply.json["payout_id"])
    assert payout.creator == user
    entry = AuditEntry.objects.filter(request_id=f"mine.{door}").earliest("pk")
    client = circuit if door == "by_tor" else "127.0.9.9"
    assert entry.client == f"gateway:{client}"


def test_a_token_of_an_outside_issuer_passes_with_its_own_key(house: Gateway, outside: OutsideIssuer) -> None:
    said = f"Authorization: Bearer {outside.token(sub='relay-1', group='relay')}"
    reply = house.by_tor().say(request("GET", f"{BASE}/payouts", said))
    assert reply.status == 200
    assert User.objects.get(username="core:relay-1").role == "service"


def test_what_is_open_in_the_api_is_open_at_the_gateway_and_nothing_else(house: Gateway) -> None:
    """The gateway's list is written by hand; the API's is read from its views."""
    opened = set()
    for path in document()["paths"]:
        concrete = path.replace("{", "").replace("}", "")
        if house.by_tor().say(request("GET", concrete)).status not in (401, 404):
            opened.add(path)
    assert opened == {path for _, path in OPEN} - {f"{BASE}/metrics"}


def test_the_description_can_be_read_with_its_style(house: Gateway) -> None:
    assert house.by_tor().say(request("GET", f"{BASE}/docs")).status == 200
    for name in ("backoffice/base.css", "backoffice/icon.svg", "docs/docs.css"):
        assert house.by_tor().say(request("GET", f"/static/{name}")).status == 200
    refused(house.by_tor().say(request("GET", "/static/backoffice/refresh.js")), 404, "LUCID_ERR_1004")


def test_a_browser_of_a_listed_origin_can_read_the_gateway_s_own_refusals(house: Gateway) -> None:
    reply = house.by_tor().say(request("GET", f"{BASE}/payouts", "Origin: https://wallet.example"))
    refused(reply, 401, "LUCID_ERR_1001")
    assert reply.headers["Access-Control-Allow-Origin"] == "https://wallet.example"
    assert "X-Request-ID" in reply.headers["Access-Control-Expose-Headers"]
    other = house.by_tor().say(request("GET", f"{BASE}/payouts", "Origin: https://other.example"))
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_preflight_needs_no_token(house: Gateway) -> None:
    asked = ("Origin: https://wallet.example", "Access-Control-Request-Method: POST")
    assert house.by_tor().say(request("OPTIONS", f"{BASE}/payouts", *asked)).status == 200
    refused(house.by_tor().say(request("OPTIONS", f"{BASE}/payouts")), 401, "LUCID_ERR_1001")


@pytest.mark.parametrize("given", ["a b", "x" * 65, 'a"b', ""])
def test_a_request_id_that_isn_t_well_formed_is_replaced(house: Gateway, given: str) -> None:
    reply = house.by_tor().say(request("GET", f"{BASE}/payouts", f"X-Request-ID: {given}"))
    refused(reply, 401, "LUCID_ERR_1001")
    assert reply.headers["X-Request-Id"].startswith("req_")
    assert len(reply.headers["X-Request-Id"]) == 36


def test_a_refused_head_has_no_body(house: Gateway) -> None:
    with house.by_tor().open() as line:
        line.sendall(request("HEAD", f"{BASE}/payouts", "Connection: close"))
        received = wire.read_to_the_end(line)
        assert received.startswith(b"HTTP/1.1 401")
        assert received.endswith(b"\r\n\r\n")


def test_every_subject_has_a_limit_wherever_it_calls_from(house: Gateway, bearer: str) -> None:
    most = SMALL["per_subject"]
    asked = request("GET", f"{BASE}/limits", bearer)
    replies = [house.by_tor().say(asked) for _ in range(most + 1)]
    assert [reply.status for reply in replies[:-1]] == [200] * most
    details = refused(replies[-1], 429, "LUCID_ERR_2009")
    assert details == {"limit": most, "window": 60, "retry_after": 60}
    assert replies[-1].headers["Retry-After"] == replies[-1].headers["X-Ratelimit-Retry-After"] == "60"
    assert replies[-1].headers["X-Ratelimit-Limit"] == str(most)


def test_another_subject_isn_t_held_up_by_it(house: Gateway, user: User, outside: OutsideIssuer) -> None:
    """An outside issuer's subject of the same name is somebody else too."""
    name = str(user.public_id)
    ours = f"Authorization: Bearer {tokens.signed(tokens.header(), tokens.claims(name))}"
    theirs = f"Authorization: Bearer {outside.token(sub=name)}"
    for _ in range(SMALL["per_subject"] + 1):
        last = house.by_tor().say(request("GET", f"{BASE}/limits", theirs))
    assert last.status == 429
    assert house.by_tor().say(request("GET", f"{BASE}/limits", ours)).status == 200


def test_every_circuit_has_a_limit_and_what_is_refused_counts(house: Gateway) -> None:
    circuit, most = wire.new_circuit(), SMALL["per_client"]
    with house.by_tor(circuit).open() as line:
        for number in range(most):
            line.sendall(request("GET", "/nothing" if number % 2 else f"{BASE}/health/live"))
            assert wire.read(line).status == (404 if number % 2 else 200)
    assert refused(house.by_tor(circuit).say(request("GET", f"{BASE}/health/live")), 429, "LUCID_ERR_2009")
    assert house.by_tor().say(request("GET", f"{BASE}/health/live")).status == 200


def test_a_circuit_that_guesses_tokens_is_stopped_and_its_good_token_isn_t(
    house: Gateway, bearer: str
) -> None:
    circuit, most = wire.new_circuit(), SMALL["refused_per_client"]
    guess = request("GET", f"{BASE}/payouts", "Authorization: Bearer a.b.c")
    replies = [house.by_tor(circuit).say(guess) for _ in range(most + 1)]
    assert [reply.status for reply in replies] == [401] * most + [429]
    assert house.by_tor(circuit).say(request("GET", f"{BASE}/payouts", bearer)).status == 200


def test_a_circuit_has_so_many_connections_at_once(house: Gateway) -> None:
    door = house.by_tor()
    lines = [door.open() for _ in range(70)]
    try:
        for line in lines:
            # Who is one too many may have heard of it already.
            with suppress(ConnectionError):
                line.sendall(request("GET", f"{BASE}/health/live"))
        answered = [wire.read(line).status for line in lines]
    finally:
        for line in lines:
            line.close()
    assert answered.count(200) == 64


def test_a_lost_tron_node_takes_no_door_away(house: Gateway, bearer: str) -> None:
    """No node can be reached here at all; whoever asks how the chain is, five times and more, opens no breaker."""
    for _ in range(8):
        deep = house.by_tor().say(request("GET", f"{BASE}/health/ready?deep=1"))
        assert refused(deep, 503, "LUCID_ERR_1005") == {"missing": ["tron"]}
    assert house.by_tor().say(request("GET", f"{BASE}/health/ready")).status == 200
    reply = house.by_tor().say(request("POST", f"{BASE}/payouts", bearer, JSON, body=ORDER))
    assert reply.status == 201


def test_the_admin_has_a_door_of_its_own(house: Gateway) -> None:
    page = house.of_admin().say(request("GET", "/admin/login/"))
    assert page.status == 200
    assert b"<form" in page.body
    assert house.of_admin().say(request("GET", "/static/backoffice/base.css")).status == 200
    assert house.of_admin().say(request("GET", "/admin")).status == 302


def test_the_gateway_s_token_stands_in_a_file_alone(house: Gateway) -> None:
    """Neither in the configuration, nor among the arguments or in the environment of its processes."""
    assert house.door.token not in house.configuration.read_text()
    assert house.door.token not in house.log
    for pid in house.pids():
        for name in ("cmdline", "environ"):
            assert house.door.token.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_its_log_is_json_and_holds_no_token_and_no_question(house: Gateway, bearer: str) -> None:
    reply = house.by_tor().say(request("GET", f"{BASE}/payouts?reference_id=a-private-one", bearer))
    name = reply.headers["X-Request-Id"]
    wait_for(lambda: name in house.log, lambda: house.log)
    told = json.loads(next(line for line in house.log.splitlines() if name in line))
    assert (told["door"], told["method"], told["path"], told["status"]) == (
        "api",
        "GET",
        f"{BASE}/payouts",
        200,
    )
    assert bearer.split()[-1] not in house.log
    assert "a-private-one" not in house.log
