"""How often the database is asked: as often for many payouts, items or nodes as for few."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.models import Payout, PayoutBatch
from tests.api_client import ApiClient
from tests.kyc import attestations
from tests.payouts.api.conftest import RECIPIENT, MakeUser
from tests.payouts.api.rows import attempt_of
from tests.policies import KYC, V0

USDT = 1_000_000
NOON = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
# In each state that is shown in a way of its own: held by each kind of limit, under way, ended, replaced, of a batch.
WAITING = (
    "slot",
    "in_flight",
    "hourly_limit",
    "daily_limit",
    "recipient_limit",
    "creator_limit",
    "subject_limit",
)
ON_THE_WAY = ("sent", "included", "succeeded", "reverted")


class Rows:
    """A caller's payouts of every kind, so many of each."""

    def __init__(self, creator: User) -> None:
        self.creator = creator
        self.owner = User.objects.create_user(f"owner of {creator}", role="node_operator")
        self.made: list[Payout] = []

    def add(self, each: int) -> None:
        for number in range(len(self.made), len(self.made) + each):
            node = attestations.node(f"node-{number}", owner=self.owner)
            attestations.attest(node, day=10 * USDT, month=100 * USDT)
            batch = PayoutBatch.objects.create(
                creator=self.creator, priority=2, batch_type="HOURLY", total_payouts=1, total_amount=USDT
            )
            for reason in WAITING:
                self._make(hold_reason=reason, node_id=node.node_id, router_type=KYC)
            for state in ON_THE_WAY:
                attempt_of(
                    self._make(status="sent", batch=batch), state, block_number=5, block_timestamp=NOON
                )
            old = self._make(status="failed", failure_code="LUCID_ERR_2008")
            self._make(retry_of=old)

    def _make(self, **fields: Any) -> Payout:
        plain = {"recipient_address": RECIPIENT, "amount": USDT, "reason": "relay", "router_type": V0}
        self.made.append(Payout.objects.create(creator=self.creator, **{**plain, **fields}))
        return self.made[-1]


def statements(api: ApiClient, method: str, path: str, body: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        answer = api.get(path) if method == "GET" else api.post(path, body)
    assert answer.status == 200, answer.body
    return len(queries)


@pytest.mark.parametrize("role", ["service", "node_operator", "admin"])
def test_reading_asks_as_often_for_many_as_for_few(make_user: MakeUser, role: str) -> None:
    clock.freeze(NOON)
    user = make_user(role)
    api, rows = ApiClient(user), Rows(user)

    def counted() -> dict[str, int]:
        ids = [payout.payout_id for payout in rows.made]
        batch = PayoutBatch.objects.latest("pk")
        asked: list[tuple[str, str, Any]] = [
            ("GET", "/payouts?limit=100", None),
            ("GET", f"/payouts?limit=100&cursor={ids[-1]}", None),
            ("GET", "/payouts?limit=100&offset=1&status=pending", None),
            ("GET", f"/payouts/batch/{batch.batch_id}", None),
            ("POST", "/payouts/transactions/bulk", ids[-100:]),
            ("GET", "/limits", None),
            ("GET", "/stats?period=month", None),
        ]
        one = {
            f"{place} {what}": statements(api, "GET", f"/payouts/{ids[place]}{what}", None)
            for place in range(len(WAITING) + len(ON_THE_WAY) + 2)
            for what in ("", "/transaction")
        }
        return {f"{method} {path.partition('?')[2] or path.split('/')[1:3]}": statements(api, method, path, body)
                for method, path, body in asked} | one  # fmt: skip

    rows.add(1)
    Payout.objects.filter(batch__isnull=False).update(batch=PayoutBatch.objects.latest("pk"))
    few = list(counted().values())
    rows.add(8)
    Payout.objects.filter(batch__isnull=False).update(batch=PayoutBatch.objects.latest("pk"))
    many = counted()
    assert dict(zip(many, few, strict=True)) == many
    assert max(few) <= 14


def test_creating_asks_as_often_into_a_long_queue_as_into_none(make_user: MakeUser) -> None:
    user = make_user("service")
    api, rows = ApiClient(user), Rows(user)

    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            order = {"recipient_address": RECIPIENT, "amount_usdt": "1", "reason": "relay"}
            assert api.post("/payouts", order).status == 201
        return len(queries)

    counted()
    few = counted()
    rows.add(8)
    assert counted() == few
