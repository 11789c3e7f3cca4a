"""How many of Blockchain Core's events a second the API takes: two posters with lists of a thousand sessions each.

`python -m tests.load work [SECONDS]`. The posters share the machine with the web and its database, as `make load`'s do.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any, Final

import httpx

from tests.load.stack import free_port
from tests.load.web import Web, serving

SECONDS: Final = 20
POSTERS: Final = 2
A_LIST: Final = 1000
TARGET: Final = 2000


def main(seconds: int = SECONDS) -> int:
    with serving(free_port(), payouts=1000, clients=POSTERS) as web:
        before, began = web.cpu_seconds(), time.monotonic()
        taken: list[int] = []
        posters = [
            threading.Thread(target=_post, args=(web, facts, began + seconds, taken)) for facts in web.clients
        ]
        for poster in posters:
            poster.start()
        for poster in posters:
            poster.join()
        took = time.monotonic() - began
        used = {name: total - before[name] for name, total in web.cpu_seconds().items()}
    events = sum(taken)
    rate = events / took
    print(
        f"{events:,} session events in {took:.1f} s by {POSTERS} posters: {rate:,.0f} a second (target {TARGET:,})"
    )
    costs = ", ".join(f"{name} {1e6 * total / max(1, events):.0f}" for name, total in used.items())
    print(f"processor time of an event, µs: {costs}", flush=True)
    return 0 if rate >= TARGET else 1


def _post(web: Web, facts: dict[str, Any], until: float, taken: list[int]) -> None:
    with httpx.Client(base_url=web.base_url, timeout=60) as client:
        access = client.post("/auth/key", json={"key": facts["key"]}).json()["access"]
        client.headers["Authorization"] = f"Bearer {access}"
        while time.monotonic() < until:
            answer = client.post("/events/session-completed", json=[_session() for _ in range(A_LIST)])
            taken.append(answer.raise_for_status().json()["accepted"])


def _session() -> dict[str, Any]:
    name = uuid.uuid4().hex
    return {
        "event_id": name,
        "occurred_at": "2026-01-31T12:00:05Z",
        "session_id": f"session-{name[:20]}",
        "node_id": f"node-{name[:2]}",
        "started_at": "2026-01-31T11:00:00Z",
        "ended_at": "2026-01-31T12:00:00Z",
        "sessions_relayed": 12,
        "megabytes_relayed": "730.25",
    }
