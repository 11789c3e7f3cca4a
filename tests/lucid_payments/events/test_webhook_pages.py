"""Webhooks in the back office: what was sent and answered, and what staff do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts
from lucid_payments.events import signatures
from lucid_payments.events.models import DeliveryState, Event, WebhookDelivery, WebhookEndpoint
from lucid_payments.events.selection import Selection
from tests.lucid_payments.backoffice.people import REASON, Desk, desk
from tests.payouts.admin import world

DELIVERED, WAITING, FAILED = range(3)


@pytest.fixture
def admin(db: None) -> Desk:
    return desk()


@pytest.fixture
def owner(db: None) -> User:
    return world.user("service")


@pytest.fixture
def rows(owner: User) -> list[WebhookDelivery]:
    return world.webhook(owner)


@pytest.fixture
def endpoint(rows: list[WebhookDelivery]) -> WebhookEndpoint:
    return rows[0].endpoint


def page(who: Desk, path: str) -> str:
    return str(who.client.get(path).content.decode())


def state_of(delivery: WebhookDelivery) -> tuple[Any, ...]:
    delivery.refresh_from_db()
    return delivery.state, delivery.tries, delivery.next_at, delivery.ended_at


def told(action: str) -> dict[str, Any]:
    entry = AuditEntry.objects.get(action=action)
    assert entry.actor_label == "admin"
    details: dict[str, Any] = entry.details
    assert details["reason"] == REASON
    return details


def test_a_delivery_shows_request_and_answers_and_no_secret(
    admin: Desk, rows: list[WebhookDelivery], endpoint: WebhookEndpoint
) -> None:
    found = page(admin, f"/admin/events/webhookdelivery/{rows[FAILED].pk}/")
    assert f"POST {endpoint.url}" in found
    assert f"webhook-id: {rows[FAILED].event.event_id}" in found
    assert "&quot;type&quot;:&quot;payout.sent&quot;" in found.replace(": ", ":")
    assert "502" in found
    assert "81 ms" in found
    assert world.INJECTION not in found
    secret = signatures.secret(endpoint)
    signed = signatures.headers(endpoint, rows[FAILED].event.event_id, b"", timezone.now())
    for place in (found, page(admin, f"/admin/events/webhookendpoint/{endpoint.webhook_id}/")):
        assert secret not in place
        assert signed["webhook-signature"][:12] not in place


def test_an_endpoint_shows_how_it_does(admin: Desk, endpoint: WebhookEndpoint) -> None:
    for path in ("/admin/events/webhookendpoint/", f"/admin/events/webhookendpoint/{endpoint.webhook_id}/"):
        found = page(admin, path)
        assert endpoint.url.replace("&", "&amp;") in found
        assert "service" in found
        assert f"{endpoint.last_success_at:%Y-%m-%d %H:%M}" in found
    listed = page(admin, "/admin/events/webhookendpoint/?state=off")
    assert endpoint.url not in listed


def test_statements_of_the_lists_do_not_grow_with_their_rows(
    admin: Desk, owner: User, rows: list[WebhookDelivery], django_assert_max_num_queries: Any
) -> None:
    for _ in range(10):
        world.webhook(owner)
    for path in ("/admin/events/webhookendpoint/", "/admin/events/webhookdelivery/"):
        with django_assert_max_num_queries(20):
            page(admin, path)


def test_what_failed_is_sent_again_from_the_start(admin: Desk, rows: list[WebhookDelivery]) -> None:
    answer = admin.act("webhook.again", rows[FAILED].pk)
    assert answer.status_code == 302
    state, tries, next_at, ended_at = state_of(rows[FAILED])
    assert (state, tries, ended_at) == (DeliveryState.WAITING, 0, None)
    assert next_at <= timezone.now()
    assert told("webhook.sent_again")["event"] == rows[FAILED].event.event_id


def test_what_is_under_way_is_not_sent_again(admin: Desk, rows: list[WebhookDelivery]) -> None:
    before = state_of(rows[WAITING])
    assert admin.act("webhook.again", rows[WAITING].pk).status_code == 403
    assert state_of(rows[WAITING]) == before
    assert not AuditEntry.objects.filter(action__startswith="webhook.").exists()


def test_many_are_sent_again_as_they_were_picked_out(
    admin: Desk, rows: list[WebhookDelivery], owner: User
) -> None:
    others = world.webhook(world.user("node_operator"))
    untouched = [state_of(row) for row in (rows[DELIVERED], rows[WAITING], *others)]
    listed = page(admin, "/admin/events/webhookdelivery/?state=failed&q=service")
    url = acts.url("webhook.again_many", Selection(state="failed", search="service").key)
    assert f'href="{url.replace("&", "&amp;")}"' in listed

    confirm = page(admin, url)
    assert "1 event is sent again." in confirm
    assert admin.send(url, admin.form(url)).status_code == 302
    assert state_of(rows[FAILED])[0] == DeliveryState.WAITING
    assert [state_of(row) for row in (rows[DELIVERED], rows[WAITING], *others)] == untouched
    assert told("webhook.sent_many_again") == {"selection": "failed, service", "count": 1, "reason": REASON}


def test_the_count_that_was_looked_at_is_what_is_sent(
    admin: Desk, rows: list[WebhookDelivery], owner: User
) -> None:
    url = acts.url("webhook.again_many", Selection(state="failed").key)
    form = admin.form(url)
    world.webhook(owner)
    assert admin.send(url, form).status_code == 409
    assert state_of(rows[FAILED])[0] == DeliveryState.FAILED


def test_a_selection_by_days(rows: list[WebhookDelivery]) -> None:
    today = rows[0].created_at.date()
    assert Selection(first=today, last=today).ended().count() == 2
    assert Selection(last=today - timedelta(days=1)).ended().count() == 0
    assert Selection(first=today + timedelta(days=1)).ended().count() == 0
    both = Selection("failed", "a name/with &=", today, today)
    assert Selection.of_key(both.key) == both
    assert Selection.of_key(Selection().key) == Selection()


@pytest.mark.parametrize(
    "key", ["state=gone", "from=today", "q=%00", "owner=1", "endpoint__owner__password=x"]
)
def test_a_selection_that_is_none_has_no_page(admin: Desk, key: str) -> None:
    assert admin.client.get(acts.url("webhook.again_many", key)).status_code == 404


def test_an_endpoint_is_switched_off_and_on_with_a_reason_that_stays_inside(
    admin: Desk, endpoint: WebhookEndpoint
) -> None:
    assert admin.act("webhook.disable", endpoint.webhook_id).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.disabled_at is not None, endpoint.disabled_because) == (True, "Switched off by staff.")
    told("webhook.disabled")
    event = Event.objects.get(type="webhook.disabled")
    assert REASON not in str(event.payload)

    assert admin.act("webhook.disable", endpoint.webhook_id).status_code == 403
    assert admin.act("webhook.test", endpoint.webhook_id).status_code == 403
    assert admin.act("webhook.enable", endpoint.webhook_id).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None
    told("webhook.enabled")


def test_a_test_goes_to_the_endpoint(admin: Desk, endpoint: WebhookEndpoint) -> None:
    assert admin.act("webhook.test", endpoint.webhook_id).status_code == 302
    event = Event.objects.get(type="webhook.test")
    assert (event.subject_id, event.owner) == (endpoint.webhook_id, endpoint.owner)
    assert told("webhook.tested")["event"] == event.event_id


def test_nothing_is_done_to_what_its_owner_deleted(
    admin: Desk, endpoint: WebhookEndpoint, rows: list[WebhookDelivery]
) -> None:
    WebhookEndpoint.objects.update(deleted_at=timezone.now())
    for kind in ("webhook.disable", "webhook.enable", "webhook.test"):
        assert admin.act(kind, endpoint.webhook_id).status_code == 403
    assert admin.act("webhook.again", rows[FAILED].pk).status_code == 403
    assert admin.act("webhook.again_many", Selection().key).status_code == 403
    assert not Event.objects.filter(type__startswith="webhook.").exists()


@pytest.mark.parametrize("role", ["auditor", "compliance_officer", "payout_approver"])
def test_administrators_alone_act(role: str, rows: list[WebhookDelivery], endpoint: WebhookEndpoint) -> None:
    other = desk(role)
    before = [state_of(row) for row in rows]
    for kind, key in (
        ("webhook.disable", endpoint.webhook_id),
        ("webhook.test", endpoint.webhook_id),
        ("webhook.again", rows[FAILED].pk),
        ("webhook.again_many", Selection().key),
    ):
        assert other.act(kind, key).status_code == 403
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None
    assert [state_of(row) for row in rows] == before
