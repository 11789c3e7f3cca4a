"""`GET /payouts/{id}/transaction` and its bulk: what stands on the chain, for those it belongs to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lucid_payments.accounts.models import User
from payouts.models import ChainState, Payout
from tests.api_client import ApiClient
from tests.payouts.api.conftest import MakePayout, MakeUser
from tests.payouts.api.rows import BLOCK_TIME, attempt_of

FIELDS = {
    "payout_id", "txid", "status", "confirmations", "required_confirmations", "block_number", "block_timestamp",
    "energy_used", "bandwidth_used", "fee_trx", "estimated_completion",
}  # fmt: skip
UNKNOWN = "payout_" + "x" * 22


@pytest.fixture
def payout(service: User, make_payout: MakePayout) -> Payout:
    return make_payout(service)


def read(api: ApiClient, payout: Payout) -> dict[str, Any]:
    answer = api.get(f"/payouts/{payout.payout_id}/transaction")
    assert answer.status == 200
    return dict(answer.body)


def test_before_there_is_one(api: ApiClient, payout: Payout) -> None:
    body = read(api, payout)
    assert set(body) == FIELDS
    assert (body["txid"], body["status"], body["confirmations"]) == ("", "pending", 0)
    assert body["required_confirmations"] == 19
    assert body["estimated_completion"] is not None


def test_a_confirmed_one_shows_what_it_cost(api: ApiClient, payout: Payout) -> None:
    attempt = attempt_of(
        payout, "succeeded", block_number=100, block_timestamp=BLOCK_TIME, fee=13_373_500, energy_used=130_285,
        bandwidth_used=345,
    )  # fmt: skip
    Payout.objects.update(status="confirmed")
    body = read(api, payout)
    assert (body["txid"], body["status"], body["confirmations"]) == (attempt.txid, "confirmed", 19)
    assert (body["energy_used"], body["bandwidth_used"], body["fee_trx"]) == (
        130_285,
        345,
        Decimal("13.3735"),
    )
    assert (body["block_number"], body["block_timestamp"]) == (100, "2026-11-22T12:00:03Z")
    assert body["estimated_completion"] is None


def test_one_in_a_block_is_still_pending(api: ApiClient, payout: Payout) -> None:
    ChainState.objects.update_or_create(pk=1, defaults={"head_number": 104})
    attempt_of(payout, "included", block_number=100, block_timestamp=BLOCK_TIME)
    Payout.objects.update(status="sent")
    body = read(api, payout)
    assert (body["status"], body["confirmations"]) == ("pending", 5)


@pytest.mark.parametrize("status", ["failed", "cancelled", "rejected"])
def test_what_will_never_have_one_has_failed(api: ApiClient, payout: Payout, status: str) -> None:
    Payout.objects.update(status=status, failure_code="LUCID_ERR_2008", failure_message="x")
    assert read(api, payout)["status"] == "failed"


@pytest.mark.parametrize("payout_id", [UNKNOWN, "x", "payout_", "payout_" + "é"])
def test_an_unknown_one_is_404(api: ApiClient, payout_id: str) -> None:
    api.get(f"/payouts/{payout_id}/transaction").refused(404, "LUCID_ERR_2005")


def test_a_foreign_one_is_404(make_user: MakeUser, payout: Payout) -> None:
    ApiClient(make_user()).get(f"/payouts/{payout.payout_id}/transaction").refused(404, "LUCID_ERR_2005")


def test_bulk_answers_in_order_and_leaves_out_what_is_not_the_callers(
    api: ApiClient, service: User, make_payout: MakePayout, make_user: MakeUser
) -> None:
    mine = [make_payout(service) for _ in range(3)]
    foreign = make_payout(make_user())
    asked = [mine[2].payout_id, UNKNOWN, mine[0].payout_id, foreign.payout_id, mine[2].payout_id]
    answer = api.post("/payouts/transactions/bulk", asked)
    assert answer.status == 200
    assert [row["payout_id"] for row in answer.body] == [mine[2].payout_id, mine[0].payout_id]
    assert {frozenset(row) for row in answer.body} == {frozenset(FIELDS)}


def test_bulk_costs_the_same_for_one_and_for_many(
    api: ApiClient, service: User, make_payout: MakePayout
) -> None:
    ids = [make_payout(service, reference_id=str(number)).payout_id for number in range(20)]
    counts = []
    for asked in (ids[:1], ids):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            api.post("/payouts/transactions/bulk", asked)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("body", [[], [UNKNOWN] * 101, {}, {"ids": [UNKNOWN]}, UNKNOWN, 5, None])
def test_bulk_wants_a_list_of_1_to_100(api: ApiClient, body: Any) -> None:
    assert "body" in api.post("/payouts/transactions/bulk", "null" if body is None else body).refused(
        400, "LUCID_ERR_1002"
    )


def test_bulk_names_each_bad_id_by_its_place(api: ApiClient) -> None:
    details = api.post("/payouts/transactions/bulk", [UNKNOWN, 5, "x", None]).refused(400, "LUCID_ERR_1002")
    assert set(details) == {"1", "2", "3"}


@pytest.mark.parametrize("role", ["auditor", "compliance_officer", "payout_approver"])
def test_back_office_roles_read_none(make_user: MakeUser, payout: Payout, role: str) -> None:
    client = ApiClient(make_user(role))
    client.get(f"/payouts/{payout.payout_id}/transaction").refused(403, "LUCID_ERR_2010")
    client.post("/payouts/transactions/bulk", [payout.payout_id]).refused(403, "LUCID_ERR_2010")
