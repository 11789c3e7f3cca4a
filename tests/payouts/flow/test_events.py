"""Clients hear of a change exactly when it was committed: an event that can't be written takes its change with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.events import deliveries, feed, outbox, webhooks
from lucid_payments.events.models import Event, WebhookEndpoint
from payouts.approvals import requests
from payouts.approvals.content import content_hash
from payouts.manager import PayoutManager
from payouts.models import Approval, ApprovalRequest, Payout, PayoutBatch, PayoutSlot, PayoutTransition
from payouts.models.payout import HoldReason
from payouts.order import PayoutOrder
from payouts.release import release_due
from payouts.sending import send_due
from payouts.slots import running
from routers import breakers, killswitch
from routers.models import Breaker, KillSwitch, LimitWindow
from tests.payouts.flow.world import RECIPIENTS, USDT, World
from tests.policies import V0, administrators, release_kill_switch, set_limit, set_rule

Act = Callable[[], Any]


class Lost(Exception):
    """The event couldn't be written."""


def created(world: World) -> Act:
    return lambda: world.create()


def held_from_the_start(world: World) -> Act:
    return lambda: world.create(batch_type="HOURLY")


def held(world: World) -> Act:
    payout = world.create()
    return lambda: PayoutManager.hold(Payout.objects.filter(pk=payout.pk), HoldReason.BREAKER)


def held_for_another_try(world: World) -> Act:
    payout = world.create()
    failing(world, payout)
    return lambda: world.step(20)


def approval_needed(world: World) -> Act:
    set_rule("service", payout_above=0)
    return lambda: world.create()


def approved(world: World) -> Act:
    set_rule("service", payout_above=0)
    world.create()
    (request,) = requests.waiting()
    seen = content_hash(request, requests.payouts_waiting(request))
    approver = User.objects.create_user(username="approver", role="payout_approver")
    return lambda: PayoutManager.approve(request.pk, actor=approver, seen=seen)


def released(world: World) -> Act:
    world.create()
    return release_due


def sent(world: World) -> Act:
    world.create()
    assert (release_due(), world.signer_lives()) == (1, 1)
    return send_due


def confirmed(world: World) -> Act:
    world.create()
    on_its_way(world)
    return lambda: world.step(20)


def failed(world: World) -> Act:
    payout = world.create()
    Payout.objects.update(retries=3)
    failing(world, payout)
    return lambda: world.step(20)


def cancelled(world: World) -> Act:
    payout = world.create()
    return lambda: PayoutManager.cancel(payout, actor=world.service, reason="not wanted")


def batch_created(world: World) -> Act:
    return lambda: new_batch(world)


def batch_completed(world: World) -> Act:
    new_batch(world)
    on_its_way(world)
    return lambda: world.step(20)


def batch_failed(world: World) -> Act:
    new_batch(world)
    payout = Payout.objects.get()
    return lambda: PayoutManager.cancel(payout, actor=world.service, reason="not wanted")


def breaker_opened(world: World) -> Act:
    first, _ = administrators()
    return lambda: breakers.open_by_hand(V0, actor=first, reason="to be sure")


def breaker_half_open(world: World) -> Act:
    first, second = administrators()
    breakers.open_by_hand(V0, actor=first, reason="to be sure")
    return lambda: breakers.half_open_by_hand(V0, actor=first, second=second, reason="try")


def breaker_closed(world: World) -> Act:
    first, second = administrators()
    breakers.open_by_hand(V0, actor=first, reason="to be sure")
    return lambda: breakers.close_by_hand(V0, actor=first, second=second, reason="all is well")


def switch_pulled(world: World) -> Act:
    first, _ = administrators()
    return lambda: killswitch.pull(actor=first, reason="to be sure")


def switch_released(world: World) -> Act:
    killswitch.pull(actor=administrators()[0], reason="to be sure")
    return release_kill_switch


def limit_reached(world: World) -> Act:
    set_limit("V0_HOURLY_LIMIT", 7 * USDT)
    world.create()
    world.create()
    # The window has a row from its first reservation on.
    assert release_due() == 1
    return release_due


def new_batch(world: World) -> PayoutBatch:
    order = PayoutOrder(recipient_address=RECIPIENTS[0], amount=USDT, reason="test")
    return PayoutManager.create_batch(creator=world.service, orders=[order], router_type=None)


def on_its_way(world: World) -> None:
    assert (release_due(), world.signer_lives(), send_due()) == (1, 1, 1)


def failing(world: World, payout: Payout) -> None:
    """Its attempt is sent, and will be in a block that says it didn't pay."""
    assert (release_due(), world.signer_lives()) == (1, 1)
    world.devnet.force_result(payout.attempts.get().txid, "REVERT")
    send_due()


def in_the_next_hour(world: World) -> Payout:
    return world.create(batch_type="HOURLY")


def its_slot(world: World) -> int:
    slot = in_the_next_hour(world).slot
    assert slot is not None
    return slot.pk


def slot_opened(world: World) -> Act:
    payout = in_the_next_hour(world)
    clock.freeze(payout.due_at)
    return lambda: running.open_due(payout.due_at)


def slot_ended(world: World) -> Act:
    payout = in_the_next_hour(world)
    clock.freeze(payout.due_at)
    running.open_due(payout.due_at)
    PayoutManager.cancel(payout, actor=world.service, reason="not wanted")
    return lambda: running.end_what_is_over(payout.due_at)


def slot_paused(world: World) -> Act:
    slot = its_slot(world)
    return lambda: PayoutManager.pause_slot(slot, actor=administrators()[0], reason="to be sure")


def slot_resumed(world: World) -> Act:
    slot = its_slot(world)
    PayoutManager.pause_slot(slot, actor=administrators()[0], reason="to be sure")
    return lambda: PayoutManager.resume_slot(slot, actor=administrators()[0], reason="all is well")


def slot_cancelled(world: World) -> Act:
    slot = its_slot(world)
    return lambda: PayoutManager.cancel_slot(slot, actor=administrators()[0], reason="not wanted")


CHANGES = [
    ("payout.created", created),
    ("payout.held", held_from_the_start),
    ("payout.held", held),
    ("payout.held", held_for_another_try),
    ("approval.needed", approval_needed),
    ("payout.approved", approved),
    ("payout.released", released),
    ("payout.sent", sent),
    ("payout.confirmed", confirmed),
    ("payout.failed", failed),
    ("payout.cancelled", cancelled),
    ("batch.created", batch_created),
    ("batch.completed", batch_completed),
    ("batch.failed", batch_failed),
    ("slot.opened", slot_opened),
    ("slot.ended", slot_ended),
    ("slot.paused", slot_paused),
    ("slot.resumed", slot_resumed),
    ("slot.cancelled", slot_cancelled),
    ("breaker.opened", breaker_opened),
    ("breaker.half_open", breaker_half_open),
    ("breaker.closed", breaker_closed),
    ("killswitch.pulled", switch_pulled),
    ("killswitch.released", switch_released),
    ("limit.reached", limit_reached),
]


@pytest.mark.parametrize(("type", "prepare"), CHANGES, ids=[act.__name__ for _, act in CHANGES])
def test_a_change_and_its_event_are_there_together_or_not_at_all(
    world: World, type: str, prepare: Callable[[World], Act], monkeypatch: pytest.MonkeyPatch
) -> None:
    act = prepare(world)
    before = everything()
    write = outbox.emit_many

    def fail(messages: Iterable[outbox.Message]) -> list[Event]:
        told = list(messages)
        if any(message.type == type for message in told):
            raise Lost
        return write(told)

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "emit_many", fail)
        with suppress(Lost), transaction.atomic():
            act()
    assert everything() == before

    act()
    assert everything() != before
    assert Event.objects.filter(type=type).count() == told_of(before, type) + 1


def everything() -> dict[str, list[Any]]:
    """What these acts change, and what tells of it."""
    return {
        "payouts": list(Payout.objects.order_by("pk").values_list("pk", "status", "hold_reason", "ended_at")),
        "batches": list(PayoutBatch.objects.order_by("pk").values_list("pk", "ended_at")),
        "slots": list(PayoutSlot.objects.order_by("pk").values_list("pk", "state", "ended_at")),
        "breakers": list(Breaker.objects.order_by("pk").values_list("pk", "state")),
        "switches": list(KillSwitch.objects.order_by("pk").values_list("pk", "pulled")),
        "reached": list(LimitWindow.objects.exclude(reached_at=None).order_by("pk").values_list("pk")),
        "requests": list(ApprovalRequest.objects.order_by("pk").values_list("pk", "state")),
        "approvals": list(Approval.objects.order_by("pk").values_list("pk")),
        "steps": list(PayoutTransition.objects.order_by("pk").values_list("pk")),
        "events": list(Event.objects.order_by("pk").values_list("type", flat=True)),
    }


def told_of(before: dict[str, list[Any]], type: str) -> int:
    return before["events"].count(type)


def holds() -> list[str]:
    rows = Event.objects.filter(type="payout.held").order_by("pk")
    return [row.payload["hold_reason"] for row in rows]


def hold(payout: Payout, reason: HoldReason, **fields: Any) -> int:
    return PayoutManager.hold(Payout.objects.filter(pk=payout.pk), reason, **fields)


def test_a_held_payout_is_told_of_once_per_reason(world: World) -> None:
    payout = world.create()
    assert hold(payout, HoldReason.BREAKER) == 1
    assert hold(payout, HoldReason.BREAKER) == 0
    # Looked at again later, for the same reason.
    assert hold(payout, HoldReason.BREAKER, until=clock.now()) == 1
    assert hold(payout, HoldReason.NODES) == 1
    assert hold(payout, HoldReason.BREAKER) == 1
    assert holds() == ["breaker", "nodes", "breaker"]
    event = Event.objects.filter(type="payout.held").latest("pk")
    assert (event.owner, event.subject_id) == (world.service, payout.payout_id)
    assert feed.body(event)["data"]["status"] == "pending"


def test_a_reason_that_clients_can_t_tell_apart_is_no_news(world: World) -> None:
    payout = world.create()
    hold(payout, HoldReason.RECIPIENT_LIMIT)
    assert hold(payout, HoldReason.SUBJECT_LIMIT) == 1
    assert holds() == ["recipient_limit"]


def test_holding_many_takes_as_many_statements_as_holding_one(world: World) -> None:
    def statements(count: int, reason: HoldReason) -> int:
        for _ in range(count):
            world.create()
        with CaptureQueriesContext(connection) as queries:
            PayoutManager.hold(Payout.objects.all(), reason)
        return len(queries)

    assert statements(1, HoldReason.BREAKER) == statements(30, HoldReason.NODES)
    assert holds() == ["breaker"] + ["nodes"] * 31


def test_what_no_longer_waits_is_held_by_nobody(world: World) -> None:
    payout = world.create()
    assert release_due() == 1
    assert hold(payout, HoldReason.BREAKER) == 0
    assert holds() == []


def test_endpoints_may_ask_for_every_event_of_a_payout(world: World) -> None:
    endpoint = WebhookEndpoint(owner=world.service, types=["payout.held"], created_at=clock.now())
    payout = world.create()
    hold(payout, HoldReason.BREAKER)
    wanted = [event.type for event in Event.objects.order_by("pk") if deliveries.wants(endpoint, event)]
    assert wanted == ["payout.held"]
    assert {type for type, _ in CHANGES} <= webhooks.KNOWN_TYPES
