"""`POST /payouts/batch` and its status: accepted whole or refused whole, and each payout then goes by itself."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts import timeline
from payouts.models import Payout, PayoutBatch
from payouts.models.payout import PayoutStatus
from tests.api_client import Answer, ApiClient
from tests.kyc import attestations
from tests.payouts.api.conftest import RECIPIENT, MakePayout, MakeUser
from tests.policies import KYC, V0, set_policy

USDT = 1_000_000
OTHER = "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK"


def item(**changes: Any) -> dict[str, Any]:
    return {"recipient_address": RECIPIENT, "amount_usdt": "5.50", "reason": "relay work", **changes}


def send(api: ApiClient, items: Any, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    return api.post("/payouts/batch", {"payouts": items, **fields}, headers=headers)


def nothing_happened() -> bool:
    return not (Payout.objects.exists() or PayoutBatch.objects.exists() or Event.objects.exists())


def end(payout: Payout, to: str) -> None:
    from django.db import transaction

    with transaction.atomic():
        locked = timeline.locked([payout.pk]).select_related("creator").get()
        changes = {"failure_code": "LUCID_ERR_2008", "failure_message": "x"} if to != "confirmed" else {}
        timeline.move([timeline.Step(payout=locked, to=PayoutStatus(to), changes=changes)], at=clock.now())


def test_a_batch_is_accepted_whole(api: ApiClient) -> None:
    answer = send(api, [item(amount_usdt=1), item(amount_usdt="2.25", reference_id="r-2", session_id="s")])
    assert answer.status == 201
    body = answer.body
    assert set(body) == {
        "batch_id", "total_payouts", "total_amount_usdt", "status", "payout_ids", "estimated_completion",
        "created_at",
    }  # fmt: skip
    assert (body["total_payouts"], body["total_amount_usdt"], body["status"]) == (
        2,
        Decimal("3.25"),
        "processing",
    )
    first, second = (api.get(f"/payouts/{payout_id}").body for payout_id in body["payout_ids"])
    assert (first["batch_id"], second["batch_id"]) == (body["batch_id"], body["batch_id"])
    assert (first["amount_usdt"], second["amount_usdt"]) == (1, Decimal("2.25"))
    assert (second["reference_id"], second["session_id"]) == ("r-2", "s")
    assert (first["batch_type"], first["hold_reason"]) == ("HOURLY", "slot")
    listed = api.get(f"/payouts?batch_id={body['batch_id']}").body["payouts"]
    assert [row["payout_id"] for row in listed] == body["payout_ids"][::-1]


def test_what_is_shared_is_given_once(api: ApiClient) -> None:
    body = send(api, [item()], priority="HIGH", batch_type="DAILY", router_type="PayoutRouterV0").body
    payout = api.get(f"/payouts/{body['payout_ids'][0]}").body
    assert (payout["priority"], payout["batch_type"], payout["router_type"]) == (
        "HIGH",
        "DAILY",
        "PayoutRouterV0",
    )


def test_every_bad_item_is_named_by_its_index_and_nothing_is_written(api: ApiClient) -> None:
    items = [item(), item(amount_usdt="0"), item(recipient_address="T"), item(), item(status="confirmed"), 5]
    details = send(api, items).refused(400, "LUCID_ERR_1002")
    assert set(details["payouts"]) == {"1", "4", "5"}
    assert "amount_usdt" in details["payouts"]["1"]["details"]
    assert details["payouts"]["4"]["details"] == {"status": ["Unknown field."]}
    assert nothing_happened()


def test_refusals_of_sense_are_named_too_with_their_own_codes(api: ApiClient) -> None:
    items = [item(), item(recipient_address="T"), item(amount_usdt=201)]
    details = send(api, items).refused(400, "LUCID_ERR_1002")["payouts"]
    assert {index: found["code"] for index, found in details.items()} == {
        "1": "LUCID_ERR_2001",
        "2": "LUCID_ERR_2002",
    }
    assert nothing_happened()


def test_refusals_of_one_kind_keep_their_code(api: ApiClient) -> None:
    details = send(api, [item(), item(recipient_address="T")]).refused(400, "LUCID_ERR_2001")
    assert list(details["payouts"]) == ["1"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"payouts": []}, "payouts"),
        ({"payouts": [item()] * 101}, "payouts"),
        ({"payouts": item()}, "payouts"),
        ({}, "payouts"),
        ([], "body"),
        ({"payouts": [item()], "on_limit": "refuse"}, "on_limit"),
        ({"payouts": [item()], "priority": "NOW"}, "priority"),
        ({"payouts": [item()], "batch_type": "YEARLY"}, "batch_type"),
        ({"payouts": [item()], "router_type": "PayoutRouterX"}, "router_type"),
    ],
)
def test_a_malformed_batch_is_refused_by_field(api: ApiClient, body: Any, field: str) -> None:
    assert field in api.post("/payouts/batch", body).refused(400, "LUCID_ERR_1002")
    assert nothing_happened()


def test_several_payouts_to_one_address_are_fine(api: ApiClient) -> None:
    assert send(api, [item()] * 5).body["total_payouts"] == 5


def test_a_reference_is_used_once_within_a_batch_and_for_ever(api: ApiClient) -> None:
    details = send(api, [item(reference_id="r"), item(reference_id="r")]).refused(400, "LUCID_ERR_1002")
    assert list(details["payouts"]) == ["1"]
    first = send(api, [item(reference_id="r")]).body["payout_ids"][0]
    details = send(api, [item(), item(reference_id="r")]).refused(409, "LUCID_ERR_2013")
    assert details["payouts"]["1"]["details"]["payout_id"] == first
    assert Payout.objects.count() == 1


def test_a_failed_payout_is_replaced_once(api: ApiClient, service: User, make_payout: MakePayout) -> None:
    old = make_payout(service)
    retry = {"retry_of": old.payout_id}
    details = send(api, [item(**retry)]).refused(400, "LUCID_ERR_1002")["payouts"]["0"]["details"]
    assert "it is pending" in details["retry_of"][0]
    end(old, "failed")
    send(api, [item(**retry), item(**retry)]).refused(400, "LUCID_ERR_1002")
    assert send(api, [item(**retry)]).status == 201
    send(api, [item(**retry)]).refused(400, "LUCID_ERR_1002")


def test_a_total_above_a_days_limit_is_refused(api: ApiClient) -> None:
    set_policy("PayoutRouterV0", daily_limit=1_000 * USDT, hourly_limit=400 * USDT)
    details = send(api, [item(amount_usdt=100)] * 11).refused(400, "LUCID_ERR_2002")
    assert details == {"limit_name": "daily_limit", "limit": "1,000.00", "amount": "1,100.00"}
    assert nothing_happened()
    assert send(api, [item(amount_usdt=100)] * 10).status == 201


@pytest.mark.parametrize(
    ("role", "status"),
    [("admin", 201), ("service", 201), ("node_operator", 201), ("end_user", 403), ("auditor", 403)],
)
def test_who_may_send_a_batch(make_user: MakeUser, role: str, status: int) -> None:
    assert send(ApiClient(make_user(role)), [item()]).status == status


def test_status_follows_the_payouts(api: ApiClient) -> None:
    body = send(api, [item(amount_usdt=number) for number in (1, 2, 3)]).body
    payouts = list(Payout.objects.order_by("pk"))

    def status() -> tuple[Any, ...]:
        found = api.get(f"/payouts/batch/{body['batch_id']}").body
        names = ("status", "completed_payouts", "failed_payouts", "pending_payouts", "completed_amount_usdt")
        return tuple(found[name] for name in names)

    assert status() == ("processing", 0, 0, 3, 0)
    end(payouts[0], "confirmed")
    end(payouts[1], "cancelled")
    assert status() == ("processing", 1, 1, 1, 1)
    assert not Event.objects.filter(type__in=("batch.completed", "batch.failed")).exists()
    end(payouts[2], "failed")
    assert status() == ("completed", 1, 2, 0, 1)
    event = Event.objects.get(type="batch.completed")
    assert (event.subject_id, event.payload["completed_payouts"]) == (body["batch_id"], 1)


def test_a_batch_of_which_nothing_was_paid_has_failed(api: ApiClient) -> None:
    body = send(api, [item()]).body
    end(Payout.objects.get(), "cancelled")
    assert api.get(f"/payouts/batch/{body['batch_id']}").body["status"] == "failed"
    assert Event.objects.filter(type="batch.failed").count() == 1


def test_a_foreign_batch_does_not_exist(api: ApiClient, make_user: MakeUser) -> None:
    batch_id = send(api, [item()]).body["batch_id"]
    ApiClient(make_user()).get(f"/payouts/batch/{batch_id}").refused(404, "LUCID_ERR_2005")
    assert ApiClient(make_user("admin")).get(f"/payouts/batch/{batch_id}").status == 200
    for unknown in ("batch_" + "x" * 22, "x", "batch_"):
        api.get(f"/payouts/batch/{unknown}").refused(404, "LUCID_ERR_2005")


def test_the_same_key_gives_the_same_batch(api: ApiClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (send(api, [item()] * 3, headers) for _ in range(2))
    assert first.content == again.content
    assert PayoutBatch.objects.count() == 1
    assert AuditEntry.objects.filter(action="batch.created").count() == 1
    send(api, [item()], headers).refused(409, "LUCID_ERR_1003")


@pytest.mark.parametrize("role", ["service", "node_operator"])
def test_a_hundred_cost_as_many_statements_as_two(make_user: MakeUser, role: str) -> None:
    """Each to a node of its own, with a reference of its own, replacing a payout of its own."""
    creator = make_user(role)
    owner = creator if role == "node_operator" else None
    for number in range(100):
        attestations.attest(attestations.node(f"node-{number}", owner=owner), wallet=RECIPIENT)
    api = ApiClient(creator)

    def statements(size: int) -> int:
        old = Payout.objects.bulk_create(
            Payout(
                creator=creator, recipient_address=RECIPIENT, amount=USDT, reason="before", status="cancelled",
                router_type=V0,
            )
            for _ in range(size)
        )  # fmt: skip
        items = [
            item(
                amount_usdt=1,
                node_id=f"node-{number}",
                reference_id=f"{size}-{number}",
                retry_of=replaced.payout_id,
            )
            for number, replaced in enumerate(old)
        ]
        with CaptureQueriesContext(connection) as queries:
            answer = send(api, items)
        assert answer.status == 201, answer.body
        assert answer.body["estimated_completion"]
        return len(queries)

    # What is asked once a process is asked before.
    statements(1)
    assert statements(2) == statements(100) <= 40


def test_a_batch_to_many_nodes_names_each_that_the_asked_router_refuses(
    api: ApiClient, make_user: MakeUser
) -> None:
    owner = make_user("node_operator")
    for node_id, wallet, active in (
        ("good", RECIPIENT, True),
        ("elsewhere", OTHER, True),
        ("gone", RECIPIENT, False),
    ):
        attestations.attest(attestations.node(node_id, owner=owner, is_active=active), wallet=wallet)
    named = ["good", "elsewhere", "unheard-of", "good", "gone"]
    details = send(api, [item(node_id=node_id) for node_id in named], router_type=KYC).refused(
        400, "LUCID_ERR_2004"
    )
    found = {index: refused["details"]["condition"] for index, refused in details["payouts"].items()}
    assert found == {"1": "wallet", "2": "node", "4": "node"}
    assert nothing_happened()
    assert send(api, [item(node_id="good")] * 2, router_type=KYC).status == 201
    assert set(Payout.objects.values_list("router_type", flat=True)) == {KYC}


def test_two_settlements_at_once_end_the_batch_once(cloned_database: Any) -> None:
    service = User.objects.create_user("service", role="service")
    send(ApiClient(service), [item(), item()])
    barrier = threading.Barrier(2)

    def settle(payout: Payout) -> None:
        barrier.wait()
        end(payout, "confirmed")
        connections.close_all()

    threads = [threading.Thread(target=settle, args=[payout]) for payout in Payout.objects.all()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Event.objects.filter(type="batch.completed").count() == 1
    assert PayoutBatch.objects.get().ended_at is not None
