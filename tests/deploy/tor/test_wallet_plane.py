"""Worker, signer and beat, real ones, in a network with a loopback alone: all they reach, they reach through Tor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lucid_payments.accounts.models import User
from lucid_payments.events import webhooks
from lucid_payments.onion.services import OnionService
from payouts import devnet_clock, ledger
from payouts.lookout import TOR_AWAY
from payouts.models import Payout
from payouts.models.chain import Alarm
from tests.deploy.tor.installation import Installation, forwarder, reaches
from tests.deploy.tor.namespace import Namespace, Tried, loopback_alone
from tests.devnet.fixtures import ROOT, RunningDevnet, running_devnet
from tests.harness.environment import TREASURY_ADDRESS
from tests.payouts.flow.world import FUNDS, USDT, World, write_key
from tests.policies import V0, set_policy

pytestmark = [pytest.mark.tor, pytest.mark.prove]
NOTHING = Tried(no_route=0, datagrams=0, refused=0)
CELERY = [sys.executable, "-m", "celery", "-q", "-A", "lucid_payments.celery:app"]
PROCESSES = {
    "worker": [*CELERY, "worker", "-Q", "release,send,watch,default", "--concurrency=2", "-n", "worker@%h"],
    "signer": [*CELERY, "worker", "-Q", "sign", "--pool=solo", "-n", "signer@%h"],
}


@dataclass
class Plane:
    """The wallet plane. `hooks` are the bodies that the webhook's receiver got."""

    namespace: Namespace
    world: World
    installation: Installation
    hooks: list[dict[str, Any]] = field(default_factory=list)

    def pay(self, units: int) -> Payout:
        return self.world.create(units)

    def until(self, happened: Callable[[], bool], what: str, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            states = list(Payout.objects.values_list("status", "hold_reason"))
            assert time.monotonic() < deadline, f"not in {seconds} s: {what}; {states}"
            time.sleep(0.5)

    def confirmed(self, payout: Payout) -> None:
        self.until(lambda: status(payout) == "confirmed", f"{payout.payout_id} confirmed")


def status(payout: Payout) -> str:
    return str(Payout.objects.values_list("status", flat=True).get(pk=payout.pk))


def alarm_stands() -> bool:
    return Alarm.objects.filter(kind=TOR_AWAY, cleared_at=None).exists()


@pytest.fixture
def live_devnet() -> Iterator[RunningDevnet]:
    """Its time is ours, and its blocks come every second."""
    with running_devnet(("--block-seconds", "1")) as running:
        yield running


@pytest.fixture
def plane(
    installation: Installation,
    live_devnet: RunningDevnet,
    cloned_database: str,
    settings: Any,
    tmp_path: Path,
) -> Iterator[Plane]:
    with ExitStack() as stack:
        namespace = stack.enter_context(loopback_alone())
        service = User.objects.create_user(username="service", password=None, role="service")
        found = Plane(namespace, World(live_devnet.control, service), installation)
        receiver = stack.enter_context(receiving(found.hooks))
        nodes, hook = published(installation, live_devnet, receiver)
        environment = write_key(tmp_path)
        settings.TRON_NODES = [{"name": "direct", "operator": "test", "url": live_devnet.url}]
        begin(found.world)
        proxy = stack.enter_context(forwarder(installation.socks, inside=namespace.enter))
        settings.TOR_PROXY = proxy
        webhooks.register(service, url=f"http://{hook}/hook", types=["payout.confirmed"])
        told = {
            **os.environ,
            **environment,
            "TOR_PROXY": proxy,
            "TRON_NODES": json.dumps(nodes),
            # Nudges of other tests' stay theirs.
            "BROKER_URL": os.environ["BROKER_URL"].replace("virtual_host=0", "virtual_host=7"),
        }
        beat = [*CELERY, "beat", "-s", str(tmp_path / "beat"), "--pidfile="]
        for name, command in {**PROCESSES, "beat": beat}.items():
            stack.enter_context(process([*namespace.enter, *command], told, tmp_path / f"{name}.log"))
        try:
            yield found
        except BaseException:
            for log in tmp_path.glob("*.log"):
                print(log.name, log.read_text()[-3000:])
            raise


def begin(world: World) -> None:
    """A funded treasury, by the chain's own time."""
    world.devnet.fund(TREASURY_ADDRESS, trx_sun=100_000 * USDT, mine=True)
    world.devnet.fund(TREASURY_ADDRESS, usdt=FUNDS, mine=True)
    ledger.book_inflow(FUNDS, note="test funds")
    devnet_clock.follow()
    set_policy(V0, in_flight=10)


def published(
    installation: Installation, devnet: RunningDevnet, receiver: int
) -> tuple[list[dict[str, str]], str]:
    """Two nodes and a webhook's receiver as onion services of somebody else's; answers TRON_NODES and the receiver."""
    folder = installation.network.folder
    targets = {"one": devnet.urls[0], "two": devnet.urls[1], "hook": f"http://127.0.0.1:{receiver}"}
    lines = "\n".join(
        f"HiddenServiceDir {folder}/plane-{name}\nHiddenServicePort 80 {url.removeprefix('http://')}"
        for name, url in targets.items()
    )
    installation.visitor(f"nodes-{receiver}", lines=lines)
    addresses = {}
    for name in targets:
        service = OnionService(name, folder / f"plane-{name}")
        deadline = time.monotonic() + 20
        while not service.address() and time.monotonic() < deadline:
            time.sleep(0.1)
        addresses[name] = service.address()
        reaches(installation.at, addresses[name])
    nodes = [
        {"name": name, "operator": f"operator-{name}", "url": f"http://{addresses[name]}"}
        for name in ("one", "two")
    ]
    return nodes, addresses["hook"]


@contextmanager
def receiving(hooks: list[dict[str, Any]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hooks.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as opened:
        running = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=opened,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
        assert running.poll() is None, log.read_text()[-2000:]
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def test_all_that_goes_out_goes_through_tor_and_waits_while_it_is_away(plane: Plane) -> None:
    first = plane.pay(5 * USDT)
    plane.confirmed(first)
    plane.until(lambda: bool(plane.hooks), "the webhook")
    assert plane.hooks[0]["type"] == "payout.confirmed"
    assert plane.namespace.tried() == NOTHING

    tor = plane.installation.tor
    assert tor is not None
    # A tor that accepts and says nothing.
    tor.send(signal.SIGSTOP)
    second = plane.pay(6 * USDT)
    plane.until(alarm_stands, "the alarm")
    time.sleep(20)
    assert status(second) == "scheduled"
    assert len(plane.hooks) == 1
    assert plane.namespace.tried() == NOTHING
    tor.send(signal.SIGCONT)
    plane.confirmed(second)
    plane.until(lambda: not alarm_stands(), "the alarm's end")

    # A tor that is gone, and the same one started anew.
    tor.send(signal.SIGKILL)
    third = plane.pay(7 * USDT)
    plane.until(alarm_stands, "the second alarm")
    assert status(third) == "scheduled"
    assert plane.namespace.tried() == NOTHING
    plane.installation.restart()
    plane.confirmed(third)
    plane.until(lambda: len(plane.hooks) == 3, "every webhook")

    assert sorted(plane.world.paid().values()) == [1, 1, 1]
    assert plane.namespace.tried() == NOTHING
    what_would_have_leaked_is_counted(plane.namespace)


def what_would_have_leaked_is_counted(namespace: Namespace) -> None:
    """The counters can count: a name's query, and a connection past Tor."""
    for attempt in ("socket.getaddrinfo('example.com', 80)", "socket.create_connection(('9.9.9.9', 443), 5)"):
        before = namespace.tried().no_route
        code = f"import socket, contextlib\nwith contextlib.suppress(OSError): {attempt}"
        subprocess.run([*namespace.enter, sys.executable, "-c", code], check=True, timeout=60)
        assert namespace.tried().no_route > before, attempt
