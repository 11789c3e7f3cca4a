"""How a payout comes to be: its rule, its refusals, its first row. Reached through PayoutManager alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from lucid_payments import clock, commits, locks, nudge
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.errors import (
    AmountTooHigh,
    InvalidAddress,
    InvalidRequest,
    PermissionRefused,
    ReferenceUsed,
)
from lucid_payments.money import format_usdt
from payouts import schedule, timeline
from payouts.models.payout import (
    MAXIMUM_AMOUNT,
    MINIMUM_AMOUNT,
    BatchType,
    HoldReason,
    OnLimit,
    Payout,
    PayoutStatus,
    Priority,
)
from payouts.tron import addresses
from payouts.tron.networks import NETWORKS
from routers import limits, policy, selection, standing
from routers.choices import RouterType

RELEASE_TASK = "payouts.tasks.release"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutOrder:
    """What a caller asks for; `amount` in base units. The API has checked form and lengths, this room checks sense."""

    recipient_address: str
    amount: int
    reason: str
    router_type: str | None = None
    priority: int = Priority.NORMAL
    batch_type: str = BatchType.IMMEDIATE
    session_id: str | None = None
    node_id: str | None = None
    custom_data: dict[str, Any] | None = None
    reference_id: str | None = None
    retry_of: str | None = None
    on_limit: str = OnLimit.HOLD


@commits.atomic("create")
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
    _check_recipient(order)
    _check_role(creator, order)
    if not MINIMUM_AMOUNT <= order.amount <= MAXIMUM_AMOUNT:
        raise InvalidRequest({"amount_usdt": ["The amount must be from 0.01 to 10000 USDT."]})
    decision = selection.select_router(
        node_id=order.node_id, recipient_address=order.recipient_address, asked_for=order.router_type
    )
    if not hold_while_open:
        standing.refuse_while_open(decision.router)
    policies = policy.current()
    selection.refuse_what_never_fits(order.amount, decision.router, role=creator.role, policies=policies)
    selection.refuse_batch_type(order.batch_type, decision.router, policies)
    _check_reference(creator, order)
    now = clock.now()
    due_at = schedule.next_slot(order.batch_type, now)
    if order.on_limit == OnLimit.REFUSE:
        _refuse_what_waits_for_tomorrow(creator, order, decision.router)
    payout = Payout.objects.create(
        creator=creator,
        status=PayoutStatus.SCHEDULED,
        hold_reason=HoldReason.SLOT if due_at > now else None,
        recipient_address=order.recipient_address,
        amount=order.amount,
        reason=order.reason,
        router_type=decision.router,
        router_conditions=decision.conditions,
        policy_version=policies.routers[decision.router],
        priority=order.priority,
        batch_type=order.batch_type,
        on_limit=order.on_limit,
        session_id=order.session_id,
        node_id=order.node_id,
        reference_id=order.reference_id,
        retry_of=_replaced(creator, order.retry_of),
        custom_data=order.custom_data,
        idempotency_key=idempotency_key,
        request_id=request_id,
        due_at=due_at,
        created_at=now,
    )
    step = timeline.Step(payout=payout, to=PayoutStatus.SCHEDULED, hold=_held(payout), detail=order.reason)
    timeline.record([(step, "")], actor=creator)
    nudge.after_commit(RELEASE_TASK)
    return payout


def usdt_contract() -> str:
    """The one USDT contract of the network that is configured."""
    return NETWORKS[settings.TRON_NETWORK].usdt_contract


def _held(payout: Payout) -> HoldReason | None:
    return HoldReason(payout.hold_reason) if payout.hold_reason else None


def _check_recipient(order: PayoutOrder) -> None:
    try:
        addresses.check_recipient(
            order.recipient_address, contract=usdt_contract(), treasury=settings.TREASURY_ADDRESS
        )
    except addresses.InvalidAddress as error:
        raise InvalidAddress({"recipient_address": [str(error)]}) from None


def _check_role(creator: User, order: PayoutOrder) -> None:
    """contract.md, "Roles": who may ask for what."""
    if not creator.may("payment:create"):
        raise PermissionRefused()
    if creator.role == Role.END_USER and order.router_type == RouterType.KYC:
        raise PermissionRefused({"router_type": ["End users are paid through PayoutRouterV0."]})
    if order.priority == Priority.URGENT and creator.role not in (Role.ADMIN, Role.SERVICE):
        raise PermissionRefused({"priority": ["URGENT is for the roles admin and service."]})
    if creator.role == Role.NODE_OPERATOR and order.node_id:
        operator = getattr(creator, "node_operator", None)
        if operator is None or not operator.nodes.filter(node_id=order.node_id).exists():
            raise PermissionRefused({"node_id": ["This node isn't one of yours."]})


def _check_reference(creator: User, order: PayoutOrder) -> None:
    """A reference is used once per caller, for ever; of two at the same time the second one waits and sees it."""
    if order.reference_id is None:
        return
    locks.hold_name(f"reference {creator.pk} {order.reference_id}")
    first = Payout.objects.filter(creator=creator, reference_id=order.reference_id).only("payout_id").first()
    if first is not None:
        raise ReferenceUsed(
            {"reference_id": ["This reference was used before."], "payout_id": first.payout_id}
        )


def _replaced(creator: User, payout_id: str | None) -> Payout | None:
    """The caller's own failed or cancelled payout that this one replaces, once."""
    if payout_id is None:
        return None
    old = Payout.objects.select_for_update().filter(creator=creator, payout_id=payout_id).first()
    if old is None:
        raise InvalidRequest({"retry_of": ["There is no payout of yours with this id."]})
    if old.status not in (PayoutStatus.FAILED, PayoutStatus.CANCELLED):
        raise InvalidRequest(
            {"retry_of": [f"Only a failed or cancelled payout can be replaced; it is {old.public_status}."]}
        )
    if Payout.objects.filter(retry_of=old).exists():
        raise InvalidRequest({"retry_of": ["This payout has been replaced already."]})
    return old


def _refuse_what_waits_for_tomorrow(creator: User, order: PayoutOrder, router: str) -> None:
    claim = limits.Claim(router, order.recipient_address, creator.pk, creator.role, order.amount)
    room = limits.room(clock.now(), [claim])
    name = room.refusal(claim)
    if name is not None and name != HoldReason.HOURLY_LIMIT:
        limit = min(room.windows[slot].cap for slot in room.full)
        raise AmountTooHigh(
            {
                "limit_name": name,
                "limit": format_usdt(limit),
                "amount": format_usdt(order.amount),
                "on_limit": "refuse",
            }
        )
