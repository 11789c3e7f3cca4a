"""What API clients do all day: 60 % read single payouts, 30 % create, 10 % list. Run by `tests.load.api`.

Each has a machine key of its own and keeps its connection. It asks at random moments, so often that all together ask
for somewhat more than the target: without waiting twenty clients measure nothing but their own queue, and in lockstep
all twenty ask at once. Who was answered late asks for what it has missed at once.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

from locust import FastHttpUser, task

from tests.load.client import recipient

CLIENTS: list[dict[str, Any]] = json.loads(Path(os.environ["LOAD_CLIENTS"]).read_text())
PER_CLIENT = float(os.environ["LOAD_PER_CLIENT"])
REMEMBERED = 50
_next = itertools.count()


class ApiClient(FastHttpUser):
    network_timeout = 30.0
    connection_timeout = 30.0

    def on_start(self) -> None:
        facts = CLIENTS[next(_next) % len(CLIENTS)]
        self.old: list[str] = facts["payouts"]
        self.new: list[str] = []
        self.cursor: str | None = None
        answer = self.client.post("/auth/key", json={"key": facts["key"]}, name="POST /auth/key")
        self.headers = {"Authorization": f"Bearer {answer.json()['access']}"}
        self.due = time.monotonic()

    def wait_time(self) -> float:
        """Seconds until this client's next moment; they come as independent callers' do (a Poisson process)."""
        self.due += random.expovariate(PER_CLIENT)
        return max(0.0, self.due - time.monotonic())

    @task(45)
    def read(self) -> None:
        """Half of what is read is what was just asked for, the other half is old."""
        known = self.new if self.new and random.random() < 0.5 else self.old
        self._get(f"/payouts/{random.choice(known)}", "GET /payouts/{id}")

    @task(15)
    def read_transaction(self) -> None:
        self._get(f"/payouts/{random.choice(self.old)}/transaction", "GET /payouts/{id}/transaction")

    @task(30)
    def create(self) -> None:
        name = uuid.uuid4().hex
        body = {
            "recipient_address": recipient(name),
            "amount_usdt": f"{random.randint(1, 500) / 100:.2f}",
            "reason": "relay work",
            "session_id": name[:20],
            "reference_id": name,
        }
        headers = {**self.headers, "Idempotency-Key": name}
        with self.client.post(
            "/payouts", json=body, headers=headers, name="POST /payouts", catch_response=True
        ) as answer:
            if answer.status_code != 201:
                answer.failure(f"{answer.status_code} {answer.text[:200]}")
                return
            self.new = [*self.new[-REMEMBERED:], answer.json()["payout_id"]]

    @task(10)
    def list(self) -> None:
        """From page to page, now and then from the start, now and then one state alone."""
        query = (
            f"?cursor={self.cursor}"
            if self.cursor
            else random.choice(["", "?status=confirmed", "?status=failed"])
        )
        page = self._get(f"/payouts{query}", "GET /payouts")
        self.cursor = page["pagination"]["next_cursor"] if page and random.random() < 0.7 else None

    def _get(self, path: str, name: str) -> dict[str, Any] | None:
        with self.client.get(path, headers=self.headers, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code} {answer.text[:200]}")
                return None
            found: dict[str, Any] = answer.json()
            return found
