"""Webhooks: registered by their owners, signed, sent until they are taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events import deliveries, webhooks
from lucid_payments.events.models import DeliveryState, Event, WebhookDelivery, WebhookEndpoint, WebhookTry
from tests.api_client import Answer, ApiClient
from tests.lucid_payments.events.conftest import Receiver
from tests.lucid_payments.events.hooks import due_now, emit, register, turn

# Other tests' open transactions, in any database of the server, would keep events back.
pytestmark = pytest.mark.alone


def secret_of(owner: User) -> dict[str, Any]:
    webhook_id = WebhookEndpoint.objects.get().webhook_id
    return dict(ApiClient(owner).get(f"/webhooks/{webhook_id}/secret").body)


def verify(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As a client does it, from the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


def test_an_event_arrives_once_signed_and_thin(owner: User, receiver: Receiver) -> None:
    answer = register(owner, receiver.url)
    assert answer.status == 201
    assert "secret" not in answer.body
    event = emit(owner, payout_id="payout_1", status="confirmed", recipient_address="T")
    assert (turn(), turn()) == (1, 0)
    headers, body = receiver.requests[0]
    assert verify(secret_of(owner)["secret"], headers, body)
    assert headers["webhook-id"] == event.event_id
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    told = json.loads(body)
    assert (told["type"], told["data"]) == (
        "payout.confirmed",
        {"payout_id": "payout_1", "status": "confirmed"},
    )
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED
    assert told == ApiClient(owner).get("/events").body["events"][0]


def test_nobody_hears_of_others_events(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    emit(User.objects.create_user("other"))
    emit(None, "breaker.opened", "breaker")
    emit(owner, "staff.created", "user")
    assert turn() == 0


def test_an_administrators_endpoint_hears_of_breakers(owner: User, receiver: Receiver) -> None:
    register(User.objects.create_user("boss", role="admin"), receiver.url)
    emit(None, "breaker.opened", "breaker", reason="typed by a person")
    assert turn() == 1
    assert b"typed" not in receiver.requests[0][1]


def test_types_that_were_not_asked_for_are_left_out(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url, types=["payout.failed"])
    emit(owner)
    emit(owner, "payout.failed")
    assert turn() == 1


def test_what_happened_before_the_registration_is_not_sent(owner: User, receiver: Receiver) -> None:
    emit(owner)
    register(owner, receiver.url)
    assert turn() == 0


@pytest.mark.parametrize("status", [199 + 101, 302, 400, 404, 429, 500, 503])
def test_anything_but_a_2xx_is_tried_again_by_the_schedule(
    owner: User, receiver: Receiver, status: int
) -> None:
    register(owner, receiver.url)
    emit(owner)
    receiver.status, receiver.location = status, "http://127.0.0.1:1/elsewhere"
    waits = []
    for _ in range(9):
        due_now()
        started = timezone.now()
        assert turn() == 1
        waits.append((WebhookDelivery.objects.get().next_at - started).total_seconds())
    expected = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for wait, pause in zip(waits, expected, strict=True):
        assert 0.8 * pause - 5 <= wait <= 1.2 * pause + 5
    receiver.status = 200
    due_now()
    turn()
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


def test_after_the_last_try_an_endpoint_that_took_nothing_is_disabled(
    owner: User, receiver: Receiver
) -> None:
    register(owner, receiver.url)
    emit(owner)
    receiver.status = 500
    for _ in range(10):
        due_now()
        turn()
    assert WebhookDelivery.objects.get().state == DeliveryState.FAILED
    endpoint = ApiClient(owner).get("/webhooks").body["webhooks"][0]
    assert (endpoint["enabled"], endpoint["disabled_because"]) == (False, "Nothing got through for days.")
    assert Event.objects.filter(type="webhook.disabled", owner=owner).count() == 1
    emit(owner)
    assert turn() == 0
    assert WebhookTry.objects.count() == 10


def test_410_disables_at_once(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    emit(owner)
    receiver.status = 410
    assert turn() == 1
    assert WebhookEndpoint.objects.get().disabled_because == "It answered 410: gone."


def test_a_worker_killed_in_the_middle_sends_again_and_loses_nothing(
    owner: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(owner, receiver.url)
    emit(owner)

    class Killed(BaseException):
        pass

    def die(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "_note", die)
        with pytest.raises(Killed):
            turn()
    assert turn() == 0  # taken for a minute
    due_now()
    assert turn() == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED


def test_a_receiver_that_is_away_is_a_failure_with_its_reason(owner: User) -> None:
    register(owner, "http://127.0.0.1:1/nobody")
    emit(owner)
    turn()
    made = WebhookTry.objects.get()
    assert (made.status, bool(made.problem)) == (None, True)


def test_both_secrets_sign_for_a_day_after_a_change(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    old = secret_of(owner)["secret"]
    webhook_id = WebhookEndpoint.objects.get().webhook_id
    assert ApiClient(owner).post(f"/webhooks/{webhook_id}/secret", {}).status == 200
    new = secret_of(owner)
    assert (new["previous_secret"], new["secret"] != old) == (old, True)
    emit(owner)
    turn()
    assert all(verify(secret, *receiver.requests[0]) for secret in (old, new["secret"]))
    WebhookEndpoint.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    emit(owner)
    turn()
    assert [verify(secret, *receiver.requests[1]) for secret in (old, new["secret"])] == [False, True]
    assert secret_of(owner)["previous_secret"] is None


def test_no_secret_is_kept_anywhere(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    emit(owner)
    turn()
    secret = secret_of(owner)["secret"]
    tables = (WebhookEndpoint, WebhookDelivery, WebhookTry, AuditEntry, Event)
    assert secret not in str([list(table.objects.values()) for table in tables])


def test_a_test_goes_to_its_own_endpoint_alone(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    other = register(owner, receiver.url + "/other").body["webhook_id"]
    answer = ApiClient(owner).post(f"/webhooks/{other}/test", {})
    assert answer.status == 200
    assert turn() == 1
    assert receiver.requests[0][0]["webhook-id"] == answer.body["event_id"]


def test_what_waited_is_sent_once_staff_switch_it_on_again(owner: User, receiver: Receiver) -> None:
    register(owner, receiver.url)
    receiver.status = 500
    waits = emit(owner)
    turn()
    endpoint = WebhookEndpoint.objects.get()
    staff = User.objects.create_user("staff", role="admin")
    assert webhooks.disable(endpoint, "It was asked for.", actor=staff)
    assert not webhooks.disable(endpoint, "It was asked for.", actor=staff), "somebody was first"
    emit(owner)
    due_now()
    receiver.status = 200
    before = len(receiver.requests)
    assert turn() == 0
    assert webhooks.enable(endpoint, actor=staff, evidence={})
    assert not webhooks.enable(endpoint, actor=staff, evidence={}), "somebody was first"
    due_now()
    turn()
    told = [json.loads(body)["id"] for _, body in receiver.requests[before:]]
    assert told == [waits.event_id], "not what happened while it was off"


def test_deleting_ends_what_waits(owner: User, receiver: Receiver) -> None:
    webhook_id = register(owner, receiver.url).body["webhook_id"]
    emit(owner)
    client = ApiClient(owner)
    assert (
        Answer(client.client.delete(f"/api/payment/webhooks/{webhook_id}", headers=client.headers)).status
        == 200
    )
    assert turn() == 0
    client.get(f"/webhooks/{webhook_id}").refused(404, "LUCID_ERR_1004")


def test_foreign_endpoints_do_not_exist(owner: User, receiver: Receiver) -> None:
    webhook_id = register(owner, receiver.url).body["webhook_id"]
    other = ApiClient(User.objects.create_user("other", role="service"))
    for path in ("", "/secret"):
        other.get(f"/webhooks/{webhook_id}{path}").refused(404, "LUCID_ERR_1004")
    for path in ("/test", "/secret"):
        other.post(f"/webhooks/{webhook_id}{path}", {}).refused(404, "LUCID_ERR_1004")
    assert other.get("/webhooks").body == {"webhooks": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": 5}, "url"),
        ({"url": "https://example.com", "types": ["payout.exploded"]}, "types"),
        ({"url": "https://example.com", "types": "payout.failed"}, "types"),
        ({"url": "https://example.com", "secret": "mine"}, "secret"),
    ],
)
def test_bad_input_is_named(owner: User, body: Any, field: str) -> None:
    assert field in ApiClient(owner).post("/webhooks", body).refused(400, "LUCID_ERR_1002")


def test_ten_endpoints_are_the_most(owner: User) -> None:
    for number in range(10):
        assert register(owner, f"https://example.com/{number}").status == 201
    register(owner, "https://example.com/10").refused(400, "LUCID_ERR_1002")
