"""What approvers see of requests: read for a page of many in as many statements as for one."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from payouts.approvals import checks, recipients
from payouts.approvals.checks import Word
from payouts.approvals.content import content_hash
from payouts.approvals.deciding import Standing
from payouts.approvals.recipients import Recipient
from payouts.models.approval import Approval, ApprovalRequest, Decision
from payouts.models.payout import Payout, PayoutStatus


@dataclass(frozen=True, slots=True)
class PayoutSeen:
    """One payout that waits, with what is known of its recipient and what every check says."""

    payout: Payout
    recipient: Recipient
    words: list[tuple[str, Word]]

    @property
    def forbids(self) -> bool:
        return any(word.forbids for _, word in self.words)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it is now. `content` is what an approval of it binds to."""

    request: ApprovalRequest
    payouts: list[PayoutSeen]
    content: str
    standing: Standing
    # Approvals of what it was before something changed: they count no more.
    void: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it: the batch's id, or the payout's."""
        if self.request.batch is not None:
            return self.request.batch.batch_id
        return self.payouts[0].payout.payout_id if self.payouts else str(self.request)

    @property
    def amount(self) -> int:
        """Base units of all its payouts that still wait."""
        return sum(seen.payout.amount for seen in self.payouts)

    @property
    def first(self) -> PayoutSeen | None:
        return self.payouts[0] if self.payouts else None

    @property
    def doubles(self) -> list[PayoutSeen]:
        return [seen for seen in self.payouts if seen.recipient.double]

    def foremost(self, most: int) -> list[PayoutSeen]:
        """All of its payouts, or those to read first where there are more than `most`: what a check forbids,
        look-alikes, who was never paid, the largest.
        """
        if len(self.payouts) <= most:
            return self.payouts
        return heapq.nsmallest(
            most,
            self.payouts,
            key=lambda one: (
                not one.forbids,
                not one.recipient.double,
                one.recipient.paid_before,
                -one.payout.amount,
                one.payout.pk,
            ),
        )

    @property
    def new_recipients(self) -> int:
        return sum(not seen.recipient.paid_before for seen in self.payouts)

    @property
    def forbids(self) -> bool:
        return any(seen.forbids for seen in self.payouts)


def look(requests: Sequence[ApprovalRequest]) -> list[Seen]:
    """These requests with their payouts that wait, in the same order."""
    waiting = list(
        Payout.objects.filter(
            approval__in=[request.pk for request in requests], status=PayoutStatus.AWAITING_APPROVAL
        ).order_by("pk")
    )
    known = recipients.look_up([payout.recipient_address for payout in waiting])
    said = checks.ask(waiting)
    of_request: dict[int, list[PayoutSeen]] = {request.pk: [] for request in requests}
    for payout in waiting:
        if payout.approval_id is not None:
            of_request[payout.approval_id].append(
                PayoutSeen(payout, known[payout.recipient_address], said[payout.pk])
            )
    given: dict[int, list[Approval]] = {request.pk: [] for request in requests}
    rows = Approval.objects.filter(request__in=list(given), decision=Decision.APPROVE).order_by("pk")
    for approval in rows:
        given[approval.request_id].append(approval)
    return [_seen(request, of_request[request.pk], given[request.pk]) for request in requests]


def _seen(request: ApprovalRequest, payouts: list[PayoutSeen], given: list[Approval]) -> Seen:
    content = content_hash(request, [seen.payout for seen in payouts])
    counts = [approval for approval in given if approval.content_hash == content]
    return Seen(
        request=request,
        payouts=payouts,
        content=content,
        standing=Standing(request.needed, tuple(approval.approver_label for approval in counts)),
        void=tuple(approval.approver_label for approval in given if approval not in counts),
    )
