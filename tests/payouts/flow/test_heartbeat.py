"""The outgoing heartbeat: sent while payouts could go out, withheld when they couldn't, and harmless when it fails."""

from __future__ import annotations

import http.server
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.cache import cache
from prometheus_client import REGISTRY

from payouts import heartbeat, watching
from payouts.models import Alarm, SignerState
from payouts.tasks import heartbeat as task
from routers import killswitch
from tests.harness.socks import DOMAIN_NAME, socks_proxy
from tests.payouts.flow.world import World

PATH = "/a-path-that-is-a-secret"


@dataclass
class Receiver:
    port: int = 0
    status: int = 204
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            self.send_response(found.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def well(world: World, receiver: Receiver, settings: Any) -> World:
    """A healthy system that may call this machine."""
    settings.HEARTBEAT_URL = receiver.url
    settings.WEBHOOK_PRIVATE_TARGETS = True
    cache.delete("heartbeat:lost")
    watching.poll()
    world.signer_lives()
    return world


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("lucid_heartbeats_total", {"outcome": outcome}) or 0


def is_raised() -> bool:
    return Alarm.objects.filter(kind=heartbeat.ALARM, cleared_at=None).exists()


def test_it_beats_while_payouts_could_go_out(well: World, receiver: Receiver) -> None:
    before = counted("taken")
    task()
    assert receiver.asked == [PATH]
    assert counted("taken") == before + 1


def test_without_an_address_nothing_is_called(well: World, receiver: Receiver, settings: Any) -> None:
    settings.HEARTBEAT_URL = ""
    assert not heartbeat.beat()
    assert receiver.asked == []


def test_a_machine_that_can_t_pay_is_as_good_as_dead(well: World, receiver: Receiver) -> None:
    before = counted("withheld")
    SignerState.objects.update(locked_reason="its journal is another one")
    assert not heartbeat.beat()
    SignerState.objects.update(locked_reason="")
    well.devnet.fault("cut", "*")
    well.pass_by(90)
    watching.poll()
    assert not heartbeat.beat()
    well.devnet.clear_faults()

    assert receiver.asked == []
    assert counted("withheld") == before + 2


def test_what_people_decide_doesn_t_stop_it(well: World, receiver: Receiver) -> None:
    killswitch.pull(actor=None, reason="we look at something")
    assert heartbeat.beat()
    assert receiver.asked == [PATH]


@pytest.mark.parametrize("status", [301, 404, 500])
def test_five_in_a_row_that_nobody_takes_raise_an_alarm_until_one_is_taken(
    well: World, receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status, before = status, counted("lost")
    with caplog.at_level(logging.DEBUG):
        for lost in range(1, 6):
            assert not heartbeat.beat()
            assert is_raised() == (lost == 5)
    assert counted("lost") == before + 5
    assert set(receiver.asked) == {PATH}, "no redirect is followed"
    assert PATH not in " ".join(record.getMessage() for record in caplog.records if "payouts" in record.name)
    assert PATH not in Alarm.objects.get(kind=heartbeat.ALARM).detail

    receiver.status = 200
    assert heartbeat.beat()
    assert not is_raised()


def test_a_receiver_that_is_gone_stops_nothing(well: World, settings: Any) -> None:
    settings.HEARTBEAT_URL = "http://127.0.0.1:1/"
    task()
    assert not is_raised()


def test_it_goes_through_tor_which_resolves_the_name(well: World, receiver: Receiver, settings: Any) -> None:
    settings.HEARTBEAT_URL = f"http://{'a' * 56}.onion{PATH}"
    settings.WEBHOOK_PRIVATE_TARGETS = False
    with socks_proxy(("127.0.0.1", receiver.port)) as proxy:
        settings.TOR_PROXY = f"socks5h://{proxy.address}"
        assert heartbeat.beat()
    assert proxy.asked == [(DOMAIN_NAME, f"{'a' * 56}.onion")]
    assert receiver.asked == [PATH]


def test_it_never_goes_out_in_the_clear(well: World, receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = False
    assert not heartbeat.beat()
    assert receiver.asked == []
