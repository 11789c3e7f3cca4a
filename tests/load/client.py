"""An API client that sends payouts as fast, or as evenly, as it is told."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from payouts.tron import addresses

THREADS = 8
ANSWER_SECONDS = 60


class Client:
    """The demo's service account; one kept-alive connection a thread."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._base = urlsplit(facts["base_url"])
        self._local = threading.local()
        user = facts["users"]["service"]
        body = {"username": user["username"], "password": user["password"]}
        self._token = self._call("POST", "/auth/token", body)["access"]

    def pay(self, serial: str, amount: str = "0.10") -> str:
        """One payout to a recipient of its own; answers its id."""
        answer = self._call(
            "POST",
            "/payouts",
            {
                "recipient_address": recipient(serial),
                "amount_usdt": amount,
                "reason": "load test",
                "reference_id": serial,
            },
        )
        return str(answer["payout_id"])

    def pay_many(self, name: str, count: int, *, per_second: float | None = None) -> list[str]:
        """`count` payouts, at once or evenly spread."""
        began = time.monotonic()

        def one(number: int) -> str:
            if per_second is not None:
                time.sleep(max(0.0, began + number / per_second - time.monotonic()))
            return self.pay(f"{name}-{number}")

        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(one, range(count)))

    def hang_up(self) -> None:
        """Close this thread's connection: the server does, too, when nothing comes for a while."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(
                self._base.hostname or "", self._base.port, timeout=ANSWER_SECONDS
            )
            self._local.connection = connection
        headers = {"Content-Type": "application/json"}
        if path != "/auth/token":
            headers["Authorization"] = f"Bearer {self._token}"
        connection.request(method, self._base.path + path, json.dumps(body), headers)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {response.status} {answer}")
        return answer


def recipient(serial: str) -> str:
    """An address of its own for each payout."""
    return addresses.encode(b"\x41" + hashlib.sha256(serial.encode()).digest()[:20])
