"""A client of the API that sees every answer, and may ask the same thing again, at once, or a month later."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests

from tests.faults.rig import USDT, Asked, Rig
from tests.load.client import recipient

AMOUNT = 3 * USDT


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    replayed: bool

    @property
    def code(self) -> str:
        """Of a refusal."""
        return str(self.body["error"]["code"])


class Caller:
    """The service account, logged in anew."""

    def __init__(self, rig: Rig) -> None:
        self._base = rig.stack.facts["base_url"]
        user = rig.stack.facts["users"]["service"]
        login = {"username": user["username"], "password": user["password"]}
        self._token = requests.post(f"{self._base}/auth/token", json=login, timeout=60).json()["access"]

    def post(self, path: str, body: dict[str, Any], key: str = "") -> Answer:
        """Raises requests.RequestException when nobody answers."""
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})
        response = requests.post(self._base + path, json=body, headers=headers, timeout=120)
        replayed = response.headers.get("Idempotent-Replayed") == "true"
        return Answer(response.status_code, json.loads(response.content), replayed)

    def pay(self, serial: str, key: str = "") -> Answer:
        return self.post("/payouts", order(serial), key or serial)

    def insist(self, serial: str) -> Answer:
        """The same request again, until somebody answers it."""
        while True:
            try:
                return self.pay(serial)
            except requests.RequestException:
                continue

    def cancel(self, payout_id: str) -> Answer:
        return self.post(f"/payouts/{payout_id}/cancel", {"reason": "not wanted any more"})


def order(serial: str) -> dict[str, Any]:
    return {"recipient_address": recipient(serial), "amount_usdt": AMOUNT // USDT, "reason": "fault matrix"}


def serial_of(rig: Rig, what: str) -> str:
    """A name of its own in this stack's life."""
    return f"{what}-{rig.began_ms}"


def expect_paid(rig: Rig, answer: Answer, serial: str) -> None:
    """This answer's payout belongs to the row: it has to be paid once, as the ten."""
    assert answer.status == 201, answer
    rig.asked.append(Asked(answer.body["payout_id"], recipient(serial), AMOUNT))
