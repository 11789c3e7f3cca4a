"""What HAProxy counts is told to Prometheus, and to nobody who comes through a door."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lucid_payments.watch import door
from tests.api_client import BASE
from tests.deploy.gateway import tokens, wire
from tests.deploy.gateway.house import SMALL, Gateway, wait_for
from tests.deploy.gateway.test_behind import Pair
from tests.deploy.gateway.upstream import Upstream
from tests.deploy.gateway.wire import request
from tests.deploy.monitoring.programs import get, prometheus, query
from tests.deploy.monitoring.test_dashboard import MONITORING, OF_THE_GATEWAY, QUESTIONS

pytestmark = pytest.mark.haproxy

GUESS = request("GET", f"{BASE}/payouts", "Authorization: Bearer a.b.c")
PAGES = (
    "/metrics",
    "/gateway",
    "/stats",
    "/haproxy?stats",
    "/api/payment/metrics",
    "/admin/metrics",
    "/figures",
)


@pytest.fixture
def pair(stand_in: tuple[Gateway, Upstream]) -> Iterator[Pair]:
    made = Pair(*stand_in)
    yield made
    made.told.status = made.told.ready = 200


@pytest.fixture
def port(pair: Pair, tmp_path: Path) -> Iterator[int]:
    """The way by which Prometheus asks."""
    made = ("127.0.0.1", 0), str(tmp_path / "no-web"), "lucid", pair.gateway.door.metrics_socket
    with door.Door(*made) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def figure(port: int, name: str, **labels: str) -> float:
    """The one figure of this name that bears all of these labels."""
    status, told = get(port, "/gateway")
    assert status == 200
    lines = [line for line in told.splitlines() if line.startswith(f"{name}{{")]
    (line,) = [line for line in lines if all(f'{label}="{value}"' in line for label, value in labels.items())]
    return float(line.split()[-1])


def answered(port: int, backend: str, code: str = "4xx") -> float:
    return figure(port, "haproxy_backend_http_responses_total", proxy=backend, code=code)


def test_each_refused_token_is_counted_and_a_flood_of_them_too(pair: Pair, port: int) -> None:
    circuit, most = wire.new_circuit(), SMALL["refused_per_client"]
    before, over = answered(port, "refused_tokens"), answered(port, "over_limit")
    replies = [pair.gateway.by_tor(circuit).say(GUESS).status for _ in range(most + 2)]
    assert replies == [401] * most + [429] * 2
    wait_for(lambda: answered(port, "refused_tokens") == before + most + 2, lambda: pair.gateway.log, 5)
    assert answered(port, "over_limit") == over
    assert figure(port, "haproxy_frontend_http_responses_total", proxy="api", code="4xx") >= most + 2


def test_what_is_over_a_limit_is_counted_apart(pair: Pair, port: int) -> None:
    before, refused = answered(port, "over_limit"), answered(port, "refused_tokens")
    flood = pair.gateway.by_tor(wire.new_circuit())
    asked = [flood.say(request("GET", "/nothing")).status for _ in range(SMALL["per_client"] + 3)]
    assert asked == [404] * SMALL["per_client"] + [429] * 3
    wait_for(lambda: answered(port, "over_limit") == before + 3, lambda: pair.gateway.log, 5)
    assert answered(port, "refused_tokens") == refused


def test_an_open_breaker_and_its_errors_are_seen(pair: Pair, port: int) -> None:
    def down() -> float:
        return figure(port, "haproxy_server_status", proxy="writes", server="web", state="DOWN")

    before = answered(port, "writes", "5xx")
    assert down() == 0
    pair.told.status, pair.told.ready = 500, 503
    wait_for(lambda: pair.pay().status == 503, lambda: pair.gateway.log)
    assert down() == 1
    assert answered(port, "writes", "5xx") > before
    pair.told.status = pair.told.ready = 200
    wait_for(lambda: down() == 0, lambda: pair.gateway.log)


@pytest.mark.parametrize("way", ["by_tor", "by_tcp", "of_admin"])
def test_no_door_leads_to_the_figures(pair: Pair, way: str) -> None:
    """Not with a good token either. Below /admin/ it is the service that says so."""
    good = f"Authorization: Bearer {tokens.signed(tokens.header(), tokens.claims(str(uuid.uuid4())))}"
    for page in PAGES:
        for said in ((), (good,)):
            reply = getattr(pair.gateway, way)().say(request("GET", page, *said))
            assert b"haproxy_" not in reply.body
            assert reply.status in (400, 401, 404) or (way, page) == ("of_admin", "/admin/metrics"), (
                page,
                reply,
            )


def test_its_socket_has_one_page_and_takes_no_other_question(pair: Pair) -> None:
    figures = pair.gateway.of_figures()
    assert b"haproxy_frontend_http_responses_total" in figures.say(request("GET", "/metrics")).body
    for asked in (request("GET", "/"), request("POST", "/metrics"), request("GET", f"{BASE}/payouts")):
        assert figures.say(asked).status == 404
    assert Path(pair.gateway.door.metrics_socket).stat().st_mode & 0o777 == 0o660
    assert '"door":"figures"' not in pair.gateway.log


def test_the_figures_name_no_client_and_no_subject(pair: Pair, port: int) -> None:
    circuit = wire.new_circuit()
    assert pair.gateway.by_tor(circuit).say(GUESS).status == 401
    status, told = get(port, "/gateway")
    assert status == 200
    assert circuit not in told
    labels = set(re.findall(r'[{,](\w+)="', told))
    assert labels <= {"proxy", "server", "code", "state", "check_code", "desc", "instance"}, labels


@pytest.mark.prometheus
def test_prometheus_asks_and_every_question_about_the_gateway_has_an_answer(
    pair: Pair, port: int, tmp_path: Path
) -> None:
    """A refused token is in what the alarm looks at, and the panels show something."""
    questions = {expr for _, expr in QUESTIONS if OF_THE_GATEWAY.search(expr)}
    assert len(questions) == 6
    scraped = (MONITORING / "prometheus.yml").read_text().replace("127.0.0.1:9464", f"127.0.0.1:{port}")
    scraped = scraped.replace("rules/*.yml", str(MONITORING / "rules" / "*.yml"))
    (tmp_path / "prometheus.yml").write_text(scraped.replace("15s", "1s").replace("12s", "1s"))
    with prometheus(tmp_path, tmp_path / "prometheus.yml") as asked:
        rate = "lucid:gateway_refused_tokens:rate_1m"
        wait_for(lambda: bool(query(asked, f"{rate} == 0")), lambda: "nothing is recorded")
        assert pair.gateway.by_tor().say(GUESS).status == 401
        wait_for(lambda: bool(query(asked, f"{rate} > 0")), lambda: "nobody counted it")
        assert query(asked, 'up{job="gateway"} == 1')
        assert {expr for expr in questions if not query(asked, expr)} == set()
