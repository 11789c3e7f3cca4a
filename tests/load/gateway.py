"""What the gateway takes, and what it adds: the real HAProxy, from the folder that `manage.py gateway write` makes.

`python -m tests.load gateway [SECONDS]`, so long for each rate (5): tokens refused; good ones verified in front of a
service that answers at once, which is HAProxy's own pace; good ones in front of the real web. Then single requests, by
turns to the web itself and through the gateway. The clients are on the same cores as everything else.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.load.gate import database_server

if TYPE_CHECKING:
    from tests.deploy.gateway.wire import Door as Way

SECONDS: Final = 5
PAIRS: Final = 300
# Many requests in one write: a client in Python must not be what is measured.
FLOODERS: Final = 2
AT_ONCE: Final = 64
# Each waits for its answer before it asks again.
CALLERS: Final = 8
# Above every limit of a client or a subject.
PLENTY: Final = 1_000_000_000
PATH: Final = "/api/payment/limits"
# Of one request: a gateway that adds more than this would be felt.
MOST_ADDED_MS: Final = 20
# HAProxy again: nothing else answers so quickly.
ANSWERS_AT_ONCE: Final = """
defaults
    mode http
    timeout client 30s
frontend service
    bind unix@{path}
    http-request return status 200 content-type application/json string "{{}}"
"""


def main(seconds: int = SECONDS) -> int:
    """Print the figures; 1 where the gateway adds too much. Raises where an answer isn't the one that is counted."""
    with database_server() as fresh, fresh(), tempfile.TemporaryDirectory(prefix="gw-") as name:
        return 0 if measure(Path(name), seconds) < MOST_ADDED_MS else 1


def measure(folder: Path, seconds: int) -> float:
    """Milliseconds that the gateway adds to one request."""
    from django.db import connections

    from lucid_payments.accounts.models import User
    from lucid_payments.accounts.tokens import AccessToken, issue
    from tests.deploy.gateway.house import TOKEN, service
    from tests.deploy.gateway.wire import Door, request
    from tests.harness.environment import with_database

    token = str(issue(AccessToken, User.objects.create_user("bench", role="service")))
    database = with_database(os.environ["DATABASE_URL"], connections.databases["default"]["NAME"])
    connections.close_all()
    good = request("GET", PATH, f"Authorization: Bearer {token}")
    forged = request("GET", PATH, f"Authorization: Bearer {token[:-8]}AAAAAAAA")
    inside = request("GET", PATH, f"Authorization: Bearer {token}", f"X-Lucid-Gateway-Token: {TOKEN}")

    with at_once(folder / "service.sock") as path, gateway_to(path, folder / "quick") as way:
        refused = flood(way, forged, 401, seconds)
        verified = flood(way, good, 200, seconds)
    say(f"tokens refused (a forged signature): {refused:,.0f} a second")
    say(f"requests verified, in front of a service that answers at once: {verified:,.0f} a second")
    with service(folder, DATABASE_URL=database, RATE_LIMIT_FACTOR="100000") as path:
        alone = Door(str(path))
        with gateway_to(path, folder / "real") as way:
            web, both = pairs((alone, inside), (way(), good))
            through, without = (calls(*asked, seconds) for asked in ((way(), good), (alone, inside)))
    say(f"requests verified, in front of the web (one process, {CALLERS} callers): {through:,.0f} a second;"
        f" the web alone {without:,.0f}")  # fmt: skip
    say(f"one request after the other, medians of {PAIRS}: the web alone {web:.1f} ms, through the gateway"
        f" {both:.1f} ms, so {both - web:.1f} ms more, {both / web:.2f} times as long")  # fmt: skip
    return both - web


@contextmanager
def gateway_to(path: Path, folder: Path) -> Iterator[Callable[[], Way]]:
    """The gateway in front of the service at `path`; yields the way in, each time as another circuit."""
    from lucid_payments.gateway import issuers
    from tests.deploy.gateway.house import a_door, gateway

    folder.mkdir()
    most = dict.fromkeys(("per_subject", "per_client", "refused_per_client"), PLENTY)
    door = a_door(folder, path, bind="", check_every=3_000, **most)
    with gateway(folder, door, issuers.believed()[0]) as made:
        yield made.by_tor


@contextmanager
def at_once(path: Path) -> Iterator[Path]:
    configuration = path.with_suffix(".cfg")
    configuration.write_text(ANSWERS_AT_ONCE.format(path=path))
    process = subprocess.Popen(["haproxy", "-db", "-q", "-f", str(configuration)])
    try:
        yield path
    finally:
        process.terminate()
        process.wait(timeout=30)


def flood(way: Callable[[], Way], asked: bytes, status: int, seconds: int) -> float:
    """Answers a second, from all flooders together."""
    context = multiprocessing.get_context("fork")
    with context.Pool(FLOODERS) as pool:
        given = [(way(), asked, status, seconds) for _ in range(FLOODERS)]
        return sum(pool.starmap(_flood, given, chunksize=1))


def _flood(way: Way, asked: bytes, status: int, seconds: int) -> float:
    answered, beginning, begun = 0, b"HTTP/1.1 ", time.monotonic()
    wanted = beginning + str(status).encode()
    with way.open() as line:
        while (spent := time.monotonic() - begun) < seconds:
            line.sendall(asked * AT_ONCE)
            received = b""
            # Every answer's body ends in a brace, and none has another one before a line's end.
            while received.count(beginning) < AT_ONCE or not received.endswith(b"}"):
                piece = line.recv(1 << 20)
                if not piece:
                    raise RuntimeError(f"The gateway hung up: {received[-500:]!r}")
                received += piece
            if received.count(wanted) != AT_ONCE:
                raise RuntimeError(f"Another answer than {status}: {received[:500]!r}")
            answered += AT_ONCE
    return answered / spent


def calls(way: Way, asked: bytes, seconds: int) -> float:
    """Answers a second to callers with a connection for each request."""
    ends = time.monotonic() + seconds

    def call(_: Any) -> int:
        count = 0
        while time.monotonic() < ends:
            _ask(way, asked)
            count += 1
        return count

    begun = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as callers:
        count = sum(callers.map(call, range(CALLERS)))
    return count / (time.monotonic() - begun)


def pairs(*ways: tuple[Way, bytes]) -> list[float]:
    """The median wait on each way, in milliseconds: by turns, so that a busy moment meets them all."""
    waits: list[list[float]] = [[] for _ in ways]
    for _ in range(PAIRS):
        for (way, asked), waited in zip(ways, waits, strict=True):
            begun = time.perf_counter()
            _ask(way, asked)
            waited.append(1000 * (time.perf_counter() - begun))
    return [statistics.median(waited) for waited in waits]


def _ask(way: Way, asked: bytes) -> None:
    reply = way.say(asked)
    if reply.status != 200:
        raise RuntimeError(f"Another answer than 200: {reply}")


def say(line: str) -> None:
    print(line, flush=True)
