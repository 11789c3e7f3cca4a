"""The next case among thousands: what opens it reads about as much as among few, and no table from end to end.

What is counted is blocks that PostgreSQL touches, and not time; `python -m tests.load desk` measures that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kyc.desk import queue_page
from kyc.review import queues
from lucid_payments.accounts.models import User
from tests.load import desk as load

RECORDS = 5_000
# The tables with rows for every record.
GROWN = (
    "kyc_kycrecord", "kyc_kyccontent", "kyc_kyclookup", "kyc_kycstep", "kyc_kycdocument", "kyc_kycmark",
    "kyc_nodeoperator", "kyc_subject",
)  # fmt: skip
# Of a case with two dozen statements of its own, each through an index or two.
MOST = 200


def plans(client: Client, path: str, *, post: bool = False) -> tuple[str, dict[str, dict[str, Any]]]:
    """Where the answer leads, and each SELECT's plan as it ran."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.post(path) if post else client.get(path)
    assert answer.status_code in (200, 302)
    found = {}
    for sql in {query["sql"] for query in captured if query["sql"].startswith("SELECT")}:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")
            found[sql] = cursor.fetchone()[0][0]["Plan"]
    return answer.get("Location", ""), found


def blocks(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def read_whole(found: dict[str, dict[str, Any]]) -> list[str]:
    """The desk's tables that a plan reads from end to end."""
    return [
        node["Relation Name"]
        for plan in found.values()
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWN
    ]


def test_the_next_case_opens_at_the_price_of_one_and_pages_at_that_of_a_page(cloned_database: str) -> None:
    """One world for all of it: writing it takes the most of the time."""
    browser = load.fill(RECORDS, cases=2)
    opening(browser)
    paging(browser)
    counting(browser)


def opening(browser: Client) -> None:
    case, taking = plans(browser, f"{load.LIST}next/", post=True)
    _, masked = plans(browser, case)
    _, shown = plans(browser, f"{case}?purpose=review")
    for step in (taking, masked, shown):
        assert read_whole(step) == []
        assert sum(map(blocks, step.values())) < MOST


def paging(browser: Client) -> None:
    """Each page begins where the last one ended."""
    queue = queues.of_key("unassigned")
    last = queues.rows(queue, User.objects.get(username="me")).reverse()[60]
    deep = f"{queue_page.url(queue)}?after={queue_page.position(last, queue)}"
    for path in (queue_page.url(queue), deep):
        _, found = plans(browser, path)
        (rows,) = (plan for sql, plan in found.items() if "LIMIT 51" in sql)
        assert rows["Actual Rows"] == 51
        assert blocks(rows) < 2 * MOST


def counting(browser: Client) -> None:
    """Every queue's count comes of one pass."""
    _, found = plans(browser, load.LIST)
    (counted,) = (plan for sql, plan in found.items() if 'AS "reverification"' in sql)
    assert [node.get("Relation Name") for node in nodes(counted)].count("kyc_kycrecord") == 1
