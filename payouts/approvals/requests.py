"""What waits for approvers: asked for when payouts are created, and over when nothing of it waits any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from payouts.approvals import rules, telling
from payouts.approvals.rules import Figures
from payouts.models.approval import ApprovalRequest, RequestState
from payouts.models.batch import PayoutBatch
from payouts.models.payout import Payout, PayoutStatus


def ask(
    *,
    creator: User,
    amounts: Sequence[int],
    at: datetime,
    batch: PayoutBatch | None = None,
    own_session: str = "",
    request_id: str = "",
    source_hash: str = "",
) -> ApprovalRequest | None:
    """The request that payouts of these amounts (base units), about to be created, must wait for; None for none.

    `own_session` is the session that one payout is the price of, where it is its creator's own. What comes from a file
    (`source_hash`, its SHA-256) needs somebody whatever the rule says: nobody has typed it.

    In the transaction that creates them, under `rules.hold_creator`. One statement where nobody is needed.
    """
    rule, before = rules.in_force_with_day(creator, at)
    total = sum(amounts)
    figures = Figures(max(amounts), total if batch is not None else None, before + total)
    needed = max(rules.needed(rule, figures, own_session=bool(own_session)), 1 if source_hash else 0)
    if not needed:
        if own_session:
            told = {"session": own_session, "amount": total, "rule_version": rule.version}
            log.record("approval.own_session", actor=creator, details=told, request_id=request_id)
        return None
    asked = ApprovalRequest.objects.create(
        creator=creator,
        batch=batch,
        rule=rule,
        needed=needed,
        network=settings.TRON_NETWORK,
        payouts_asked=len(amounts),
        largest=figures.largest,
        total=total,
        day=figures.day,
        source_hash=source_hash,
        asked_at=at,
    )
    log.record(
        "approval.needed",
        actor=creator,
        subject=asked,
        details={"needed": needed, "payouts": len(amounts), "rule_version": rule.version},
        request_id=request_id,
    )
    telling.tell_of(asked)
    return asked


def waiting() -> QuerySet[ApprovalRequest]:
    """What approvers have to do, the oldest first."""
    return ApprovalRequest.objects.filter(state=RequestState.WAITING).order_by("pk")


def payouts_waiting(request: ApprovalRequest) -> QuerySet[Payout]:
    return Payout.objects.filter(approval=request, status=PayoutStatus.AWAITING_APPROVAL).order_by("pk")


def lock(pk: int) -> tuple[ApprovalRequest, list[Payout]]:
    """The request and its payouts that wait, all rows locked until the transaction ends. Raises DoesNotExist."""
    found = lock_all([pk])
    if not found:
        raise ApprovalRequest.DoesNotExist
    return found[0]


def lock_all(pks: Collection[int]) -> list[tuple[ApprovalRequest, list[Payout]]]:
    """The same of many, the oldest first: all payouts before all requests, each by primary key."""
    payouts = list(
        Payout.objects.select_for_update(of=("self",))
        .select_related("creator")
        .filter(approval_id__in=pks)
        .order_by("pk")
    )
    rows = ApprovalRequest.objects.select_for_update(of=("self",)).select_related("creator", "batch")
    return [
        (
            request,
            [
                payout
                for payout in payouts
                if payout.approval_id == request.pk and payout.status == PayoutStatus.AWAITING_APPROVAL
            ],
        )
        for request in rows.filter(pk__in=pks).order_by("pk")
    ]


def end(request: ApprovalRequest, state: RequestState, at: datetime) -> None:
    """The guarded UPDATE that ends a request, whose row is locked."""
    changed = ApprovalRequest.objects.filter(pk=request.pk, state=RequestState.WAITING).update(
        state=state, ended_at=at
    )
    if changed != 1:
        raise RuntimeError(f"{request} ended under its lock")
    request.state, request.ended_at = state, at


def withdraw_what_waits_for_nothing(payout: Payout, at: datetime) -> None:
    """A payout was called off: the request that it was the last of is over. In the same transaction.

    Of two that call off the last two at once, the second waits for the request's row and sees the first's.
    """
    if payout.approval_id is None:
        return
    request = ApprovalRequest.objects.select_for_update(of=("self",)).get(pk=payout.approval_id)
    if request.state == RequestState.WAITING and not payouts_waiting(request).exists():
        end(request, RequestState.WITHDRAWN, at)
