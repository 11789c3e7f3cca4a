"""How payouts come to be: one or a batch, accepted whole or refused whole. Reached through PayoutManager alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lucid_payments import commits, nudge
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import BatchRefused, LucidError
from lucid_payments.audit import log
from lucid_payments.events import outbox
from lucid_payments.money import to_decimal
from payouts import own_sessions, schedule, screened, timeline, unusual
from payouts.approvals import requests
from payouts.models.approval import ApprovalRequest
from payouts.models.batch import PayoutBatch
from payouts.models.payout import HoldReason, Payout, PayoutStatus
from payouts.models.slot import PayoutSlot
from payouts.order import PayoutOrder
from payouts.refusals import Desk
from payouts.slots import joining
from routers.selection import RouterDecision

RELEASE_TASK = "payouts.tasks.release"


@dataclass(frozen=True, slots=True)
class _Origin:
    """What all payouts of one request have in common."""

    creator: User
    request_id: str
    idempotency_key: str | None
    at: datetime
    batch: PayoutBatch | None = None
    # What people must agree to first; None: nothing.
    approval: ApprovalRequest | None = None


def create(
    *,
    creator: User,
    order: PayoutOrder,
    request_id: str = "",
    idempotency_key: str | None = None,
    hold_while_open: bool = False,
) -> Payout:
    """Accept a payout, or raise the LucidError that says why not; then nothing is written.

    `hold_while_open`: what the system itself asks for (a rule, a run) waits while a breaker is open.
    """
    with screened.kept(creator, request_id) as listed, commits.atomic("create"):
        desk = Desk.open(creator, [order], listed, hold_while_open=hold_while_open)
        decision = desk.decide(order)
        approval = requests.ask(
            creator=creator,
            amounts=[order.amount],
            at=desk.at,
            own_session=(order.session_id or "") if own_sessions.needs_nobody(creator, order) else "",
            request_id=request_id,
        )
        origin = _Origin(creator, request_id, idempotency_key, desk.at, approval=approval)
        return _accept([(order, decision)], desk, origin)[0]


def create_covered(*, creator: User, orders: Sequence[PayoutOrder]) -> list[Payout | LucidError]:
    """Of each order the payout, or why it isn't accepted: one that isn't hides nobody.

    For what people have agreed to as part of something larger, a monthly run: nobody is asked again. In the caller's
    transaction, whose database says the same (the trigger on a run's chunks).
    """
    refused = screened.Refused()
    desk = Desk.open(creator, orders, refused, hold_while_open=True)
    decided: dict[int, tuple[PayoutOrder, RouterDecision]] = {}
    answers: dict[int, Payout | LucidError] = {}
    for index, order in enumerate(orders):
        try:
            decided[index] = order, desk.decide(order)
        except LucidError as error:
            answers[index] = error
    made = _accept(list(decided.values()), desk, _Origin(creator, "", None, desk.at)) if decided else []
    answers |= dict(zip(decided, made, strict=True))
    screened.keep_refused(refused, creator)
    return [answers[index] for index in range(len(orders))]


def create_batch(
    *,
    creator: User,
    orders: Sequence[PayoutOrder],
    router_type: str | None,
    request_id: str = "",
    idempotency_key: str | None = None,
) -> PayoutBatch:
    """Accept all orders, which share priority and batch type, or none.

    Raises BatchRefused naming each order that can't be by its index, AmountTooHigh for a total above a day's limit.
    """
    with screened.kept(creator, request_id) as listed, commits.atomic("create_batch"):
        desk = Desk.open(creator, orders, listed)
        return _create_batch(desk, orders, router_type, request_id, idempotency_key)


def _create_batch(
    desk: Desk,
    orders: Sequence[PayoutOrder],
    router_type: str | None,
    request_id: str,
    idempotency_key: str | None,
) -> PayoutBatch:
    refused: dict[int, LucidError] = {}
    decided: list[tuple[PayoutOrder, RouterDecision]] = []
    for index, order in enumerate(orders):
        try:
            decided.append((order, desk.decide(order)))
        except LucidError as error:
            refused[index] = error
    if refused:
        raise BatchRefused(refused)
    desk.refuse_more_than_a_day(decided)
    return accept_batch(
        desk,
        decided,
        router_type=router_type,
        priority=orders[0].priority,
        batch_type=orders[0].batch_type,
        request_id=request_id,
        idempotency_key=idempotency_key,
    )


def accept_batch(
    desk: Desk,
    decided: Sequence[tuple[PayoutOrder, RouterDecision]],
    *,
    router_type: str | None,
    priority: int,
    batch_type: str,
    request_id: str = "",
    idempotency_key: str | None = None,
    source_hash: str = "",
) -> PayoutBatch:
    """Write the batch of orders that `desk` has accepted, in its transaction.

    `source_hash`: the SHA-256 of the file that it comes from. Such a batch always waits for approval.
    """
    creator = desk.creator
    batch = PayoutBatch.objects.create(
        creator=creator,
        router_type=router_type,
        priority=priority,
        batch_type=batch_type,
        total_payouts=len(decided),
        total_amount=sum(order.amount for order, _ in decided),
        request_id=request_id,
        idempotency_key=idempotency_key,
        created_at=desk.at,
    )
    approval = requests.ask(
        creator=creator,
        amounts=[order.amount for order, _ in decided],
        at=desk.at,
        batch=batch,
        request_id=request_id,
        source_hash=source_hash,
    )
    _accept(decided, desk, _Origin(creator, request_id, idempotency_key, desk.at, batch, approval))
    told = {
        "batch_id": batch.batch_id,
        "total_payouts": len(decided),
        "amount_usdt": str(to_decimal(batch.total_amount)),
    }
    log.record("batch.created", actor=creator, subject=batch, details=told, request_id=request_id)
    outbox.emit("batch.created", subject_type="batch", subject_id=batch.batch_id, owner=creator, payload=told)
    return batch


def _accept(
    decided: Sequence[tuple[PayoutOrder, RouterDecision]], desk: Desk, origin: _Origin
) -> list[Payout]:
    """Write the payouts and what tells of them, in as many statements for a hundred as for one."""
    slots = _slots((order for order, _ in decided), origin)
    payouts = Payout.objects.bulk_create(
        _row(order, decision, desk, origin, slots.get(order.batch_type)) for order, decision in decided
    )
    timeline.record(
        [
            (
                timeline.Step(
                    payout=payout,
                    to=PayoutStatus(payout.status),
                    hold=HoldReason(payout.hold_reason) if payout.hold_reason else None,
                    detail=payout.reason,
                ),
                "",
            )
            for payout in payouts
        ],
        actor=origin.creator,
    )
    unusual.note(payouts, origin.creator, origin.at)
    screened.note_created(payouts, desk.look, origin.creator)
    if origin.approval is None:
        nudge.after_commit(RELEASE_TASK)
    return payouts


def _slots(orders: Iterable[PayoutOrder], origin: _Origin) -> dict[str, PayoutSlot | None]:
    """By batch type. What people must agree to first joins its slot when they have."""
    if origin.approval is not None:
        return {}
    return {batch_type: joining.join(batch_type, origin.at) for batch_type in {o.batch_type for o in orders}}


def _row(
    order: PayoutOrder, decision: RouterDecision, desk: Desk, origin: _Origin, slot: PayoutSlot | None
) -> Payout:
    due_at = slot.due_at if slot is not None else schedule.next_slot(order.batch_type, origin.at)
    return Payout(
        creator=origin.creator,
        batch=origin.batch,
        slot=slot,
        approval=origin.approval,
        status=PayoutStatus.SCHEDULED if origin.approval is None else PayoutStatus.AWAITING_APPROVAL,
        hold_reason=desk.hold(order, slot) if origin.approval is None else HoldReason.APPROVAL,
        recipient_address=order.recipient_address,
        amount=order.amount,
        reason=order.reason,
        router_type=decision.router,
        router_conditions=decision.conditions,
        policy_version=desk.policies.routers[decision.router],
        priority=order.priority,
        batch_type=order.batch_type,
        on_limit=order.on_limit,
        session_id=order.session_id,
        node_id=order.node_id,
        reference_id=order.reference_id,
        retry_of=desk.replaced(order),
        custom_data=order.custom_data,
        idempotency_key=origin.idempotency_key,
        request_id=origin.request_id,
        due_at=due_at,
        created_at=origin.at,
    )
