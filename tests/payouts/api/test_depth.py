"""`GET /payouts` among forty thousand: the deepest page by cursor reads about as much as the first, whoever asks.

What is counted is blocks that PostgreSQL touches, and not time.
"""

from __future__ import annotations

from itertools import product
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from django.db import connection
from django.db.models import Q, QuerySet
from django.test.utils import CaptureQueriesContext

from kyc.models import Node, NodeOperator
from lucid_payments.accounts.models import User
from payouts.models import Payout
from tests.api_client import ApiClient
from tests.harness.environment import TestServers, with_database
from tests.policies import V0

EACH = 20_000
# An index may be a level deeper at one end, and a page's rows lie in one block more or less.
SLACK = 40

# Every fifth payout is for a node of the operator's, who never asked for it; a part of each has ended so or so.
ROWS = """
INSERT INTO payouts_payout (payout_id, creator_id, status, failure_code, recipient_address, amount, reason,
    router_type, router_conditions, priority, batch_type, on_limit, node_id, request_id, due_at, retries,
    created_at, version)
SELECT 'payout_' || number || 'x' || creator, creator,
    CASE WHEN number %% 10 = 0 THEN 'failed' ELSE 'confirmed' END,
    CASE WHEN number %% 10 = 0 THEN 'LUCID_ERR_2008' END, 'TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9',
    1000000, 'relay work', 'PayoutRouterV0', '{}', 2, 'IMMEDIATE', 'hold',
    CASE WHEN number %% 5 = 0 THEN 'node-1' END, '', now() - interval '1 minute' * (20000 - number), 0,
    now() - interval '1 minute' * (20000 - number), 1
FROM generate_series(1, %s) AS number, unnest(%s::bigint[]) AS creator ORDER BY number
"""


@pytest.fixture
def many(cloned_database: str, servers: TestServers) -> dict[str, User]:
    """A service and an outsider with 20,000 each, and an operator of a node that a fifth of them is for."""
    users = {
        name: User.objects.create_user(name, role=role)
        for name, role in (("service", "service"), ("outsider", "service"), ("admin", "admin"),
                           ("node_operator", "node_operator"))
    }  # fmt: skip
    operator = NodeOperator.objects.create(user=users["node_operator"], operator_id="op")
    Node.objects.create(node_id="node-1", operator=operator)
    url = with_database(servers.owner_url, cloned_database)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(ROWS, [EACH, [users["service"].pk, users["outsider"].pk]])
        owner.execute("VACUUM (ANALYZE) payouts_payout")
    return users


class Page:
    """One answer of the list: its statements, the plans of those on payouts, and the blocks that each touched."""

    def __init__(self, user: User, **query: str) -> None:
        with CaptureQueriesContext(connection) as captured:
            answer = ApiClient(user).get("/payouts?" + urlencode({"limit": 20, **query}))
        assert answer.status == 200, answer.body
        self.ids = [payout["payout_id"] for payout in answer.body["payouts"]]
        self.statements = [found["sql"] for found in captured]
        asked = [
            sql for sql in self.statements if sql.startswith("SELECT") and 'FROM "payouts_payout"' in sql
        ]
        # The count of all, which is the same on every page, stands in a subquery.
        self.rows, self.total = (
            [explained(sql) for sql in asked if ("COUNT(" in sql) == counts] for counts in (False, True)
        )


def explained(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")
        found = cursor.fetchone()[0]
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def blocks(plans: list[dict[str, Any]]) -> int:
    return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)


def reads_all(plan: dict[str, Any]) -> bool:
    """Whether any part of a plan reads the payouts from end to end."""
    here = plan["Node Type"] == "Seq Scan" and plan["Relation Name"] == "payouts_payout"
    return here or any(reads_all(below) for below in plan.get("Plans", []))


FILTERS: list[dict[str, str]] = [
    {},
    {"status": "confirmed"},
    {"status": "failed"},
    {"router_type": "PayoutRouterV0"},
    {"start_date": "2020-01-01"},
]


def seen_by(name: str, users: dict[str, User]) -> QuerySet[Payout]:
    """Oldest first."""
    own = {"service": Q(creator=users["service"]), "node_operator": Q(node_id="node-1"), "admin": Q()}
    return Payout.objects.filter(own[name]).order_by("pk")


def test_the_deepest_page_reads_no_more_than_the_first(many: dict[str, User]) -> None:
    for name, filters in product(("admin", "service", "node_operator"), FILTERS):
        oldest = list(seen_by(name, many).filter(**{k: v for k, v in filters.items() if k == "status"})[:25])
        first, last = (
            Page(many[name], **filters, **place) for place in ({}, {"cursor": oldest[24].payout_id})
        )
        asked = (name, filters)
        assert len(first.ids) == 20, asked
        assert last.ids == [payout.payout_id for payout in oldest[23:3:-1]], asked
        assert len(last.statements) <= len(first.statements) + 1, "the cursor's own look-up"
        assert blocks(last.rows) <= blocks(first.rows) + SLACK, asked
        assert not any(reads_all(plan) for plan in last.rows), asked
        assert blocks(last.total) == blocks(first.total), asked


def test_who_has_few_of_many_reads_few(many: dict[str, User]) -> None:
    """A caller's list costs what the caller has, and not what all others have."""
    operator = NodeOperator.objects.get()
    Node.objects.filter(node_id="node-1").update(node_id="node-2")
    operator.nodes.create(node_id="node-3")
    made = {
        "recipient_address": "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9",
        "amount": 1_000_000,
        "reason": "relay work",
    }
    theirs = Payout.objects.create(creator=many["outsider"], router_type=V0, node_id="node-2", **made)
    own = Payout.objects.create(creator=many["node_operator"], router_type=V0, **made)
    page = Page(many["node_operator"])
    assert page.ids == [own.payout_id, theirs.payout_id]
    assert blocks(page.rows + page.total) <= 2 * SLACK
