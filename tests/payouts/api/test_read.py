"""`GET /payouts/{id}`: a payout in each of its states, for those it belongs to and for nobody else."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from kyc.models import Node, NodeOperator
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.models import ChainState, Payout
from payouts.models.payout import PUBLIC_STATUS, HoldReason
from tests.api_client import ApiClient
from tests.payouts.api.conftest import MakePayout, MakeUser, order
from tests.payouts.api.rows import BLOCK_TIME, attempt_of


@pytest.fixture
def payout(service: User, make_payout: MakePayout) -> Payout:
    return make_payout(service)


def in_state(payout: Payout, status: str, **changes: Any) -> None:
    Payout.objects.filter(pk=payout.pk).update(status=status, **changes)


def head_at(number: int) -> None:
    ChainState.objects.update_or_create(pk=1, defaults={"head_number": number})


def read(api: ApiClient, payout: Payout) -> dict[str, Any]:
    answer = api.get(f"/payouts/{payout.payout_id}")
    assert answer.status == 200
    body: dict[str, Any] = answer.body
    return body


def test_what_was_created_is_what_is_read(api: ApiClient) -> None:
    created = api.post("/payouts", order(custom_data={"a": 1})).body
    body = api.get(f"/payouts/{created['payout_id']}").body
    changing = {"estimated_completion"}
    assert {**body, **dict.fromkeys(changing)} == {**created, **dict.fromkeys(changing)}


@pytest.mark.parametrize(("status", "public"), PUBLIC_STATUS.items())
def test_each_state_has_its_public_name(api: ApiClient, payout: Payout, status: str, public: str) -> None:
    in_state(payout, status, failure_code="LUCID_ERR_2008", failure_message="It failed.")
    assert read(api, payout)["status"] == public


@pytest.mark.parametrize("state", ["prepared", "withdrawn", "dead", "reverted"])
def test_a_transaction_that_cannot_pay_is_not_shown(api: ApiClient, payout: Payout, state: str) -> None:
    attempt_of(payout, state)
    body = read(api, payout)
    assert (body["txid"], body["confirmations"], body["fee_trx"]) == (None, 0, None)


def test_a_sent_transaction_has_its_txid_and_no_block(api: ApiClient, payout: Payout) -> None:
    in_state(payout, "sent")
    attempt = attempt_of(payout, "sent")
    body = read(api, payout)
    assert (body["status"], body["txid"], body["confirmations"]) == ("processing", attempt.txid, 0)
    assert (body["block_number"], body["block_timestamp"]) == (None, None)


@pytest.mark.parametrize(
    ("head", "confirmations"), [(99, 1), (100, 1), (101, 2), (116, 17), (117, 18), (500, 18)]
)
def test_confirmations_grow_with_the_head_to_18(
    api: ApiClient, payout: Payout, head: int, confirmations: int
) -> None:
    in_state(payout, "sent")
    attempt_of(payout, "included", block_number=100, block_timestamp=BLOCK_TIME)
    head_at(head)
    assert read(api, payout)["confirmations"] == confirmations


def test_a_confirmed_payout_has_19_and_everything_else(api: ApiClient, payout: Payout) -> None:
    attempt_of(payout, "dead")
    attempt = attempt_of(payout, "succeeded", block_number=100, block_timestamp=BLOCK_TIME, fee=13_844_850)
    in_state(payout, "confirmed", ended_at=BLOCK_TIME + timedelta(seconds=57))
    body = read(api, payout)
    assert (body["status"], body["confirmations"], body["txid"]) == ("confirmed", 19, attempt.txid)
    assert (body["block_number"], body["block_timestamp"]) == (100, "2026-11-22T12:00:03Z")
    assert body["fee_trx"] == Decimal("13.84485")
    assert (body["confirmed_at"], body["estimated_completion"]) == ("2026-11-22T12:01:00Z", None)


def test_a_failed_payout_says_why_and_shows_the_last_transaction(api: ApiClient, payout: Payout) -> None:
    attempt = attempt_of(payout, "reverted", block_number=100, block_timestamp=BLOCK_TIME, fee=27_000)
    in_state(payout, "failed", failure_code="LUCID_ERR_2008", failure_message="The token refused it.")
    body = read(api, payout)
    assert body["failure"] == {"code": "LUCID_ERR_2008", "message": "The token refused it."}
    assert (body["txid"], body["confirmations"], body["confirmed_at"]) == (attempt.txid, 19, None)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, "12:01:03"),
        (HoldReason.IN_FLIGHT, "12:01:03"),
        (HoldReason.HOURLY_LIMIT, "13:01:03"),
        (HoldReason.DAILY_LIMIT, "00:01:03"),
        (HoldReason.SCREENING, None),
        (HoldReason.TREASURY_USDT, None),
        (HoldReason.KILL_SWITCH, None),
    ],
)
def test_the_estimate_follows_the_hold_and_is_unknown_while_a_person_is_awaited(
    api: ApiClient, service: User, make_payout: MakePayout, reason: str | None, expected: str | None
) -> None:
    clock.freeze(BLOCK_TIME - timedelta(seconds=3))
    payout = make_payout(service)
    in_state(payout, "scheduled", hold_reason=reason)
    body = read(api, payout)
    assert body["hold_reason"] == reason
    estimate = body["estimated_completion"]
    assert (estimate[11:19] if estimate else None) == expected


def test_a_full_attestation_reads_as_the_recipient_s_limit(
    api: ApiClient, service: User, make_payout: MakePayout
) -> None:
    """contract.md's list of reasons is closed; the attested node is who receives."""
    payout = make_payout(service)
    in_state(payout, "scheduled", hold_reason=HoldReason.SUBJECT_LIMIT)
    assert read(api, payout)["hold_reason"] == "recipient_limit"


def test_a_payout_that_waits_for_its_slot_is_estimated_from_it(
    api: ApiClient, service: User, make_payout: MakePayout
) -> None:
    clock.freeze(BLOCK_TIME)
    body = read(api, make_payout(service, batch_type="HOURLY"))
    assert (body["hold_reason"], body["estimated_completion"]) == ("slot", "2026-11-22T13:01:03Z")


@pytest.mark.parametrize("role", ["service", "end_user", "node_operator"])
def test_what_belongs_to_somebody_else_does_not_exist(payout: Payout, make_user: MakeUser, role: str) -> None:
    outsider = ApiClient(make_user(role))
    foreign = outsider.get(f"/payouts/{payout.payout_id}")
    unknown = outsider.get("/payouts/payout_unknown")
    assert foreign.refused(404, "LUCID_ERR_2005") == unknown.refused(404, "LUCID_ERR_2005")


def test_an_admin_reads_every_payout(payout: Payout, make_user: MakeUser) -> None:
    assert ApiClient(make_user("admin")).get(f"/payouts/{payout.payout_id}").status == 200


@pytest.mark.parametrize("role", ["compliance_officer", "payout_approver", "auditor"])
def test_back_office_roles_read_nothing_here(payout: Payout, make_user: MakeUser, role: str) -> None:
    ApiClient(make_user(role)).get(f"/payouts/{payout.payout_id}").refused(403, "LUCID_ERR_2010")


def test_a_node_operator_reads_what_goes_to_own_nodes(
    make_user: MakeUser, service: User, make_payout: MakePayout
) -> None:
    operator = make_user("node_operator")
    Node.objects.create(node_id="mine", operator=NodeOperator.objects.create(user=operator, operator_id="op"))
    client = ApiClient(operator)
    assert client.get(f"/payouts/{make_payout(service, node_id='mine').payout_id}").status == 200
    client.get(f"/payouts/{make_payout(service, node_id='theirs').payout_id}").refused(404, "LUCID_ERR_2005")


@pytest.mark.parametrize(
    "name", ["payout_", "x", "payout_%00", "payout_é", "payout_a%0a", "payout_" + "a" * 5000]
)
def test_an_id_that_is_none_is_not_found(api: ApiClient, name: str) -> None:
    api.get(f"/payouts/{name}").refused(404, "LUCID_ERR_2005")


def test_reading_takes_a_fixed_number_of_queries(
    api: ApiClient, payout: Payout, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10):
        read(api, payout)
