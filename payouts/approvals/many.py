"""Deciding on several requests at once: approving only what is small, rejecting whatever was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import transaction

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.money import BASE_UNITS_PER_USDT, format_usdt
from payouts.approvals import deciding, facts, requests
from payouts.approvals.errors import Refused
from payouts.approvals.facts import Seen
from payouts.models.approval import ApprovalRequest, RequestState

# compliance.md, "Approval".
MOST_APPROVED: Final = 20
EACH: Final = 100 * BASE_UNITS_PER_USDT
TOGETHER: Final = 1_000 * BASE_UNITS_PER_USDT
# As many as one page of the queue shows.
MOST_REJECTED: Final = 50


def may_approve_many(user: Any, chosen: Sequence[Seen]) -> Verdict:
    """Payouts alone that need exactly one approval each, of at most 100 USDT each and 1,000 together, at most 20."""
    for seen in chosen:
        verdict = _may_approve(user, seen)
        if not verdict:
            return verdict
    if not chosen:
        return Verdict(False, "Nothing was chosen.")
    if len(chosen) > MOST_APPROVED:
        return Verdict(False, f"At most {MOST_APPROVED} are approved at once.")
    if sum(seen.amount for seen in chosen) > TOGETHER:
        return Verdict(False, f"Together they are above {format_usdt(TOGETHER)} USDT.")
    return acts.ALLOWED


def _may_approve(user: Any, seen: Seen) -> Verdict:
    verdict = deciding.may_approve(user, seen.request, seen.content)
    if not verdict:
        return Verdict(False, f"{seen.name}: {verdict.reason}")
    if seen.request.is_batch:
        return Verdict(False, f"{seen.name} is a batch: it is approved as one thing, on its own page.")
    if seen.request.needed != 1:
        return Verdict(False, f"{seen.name} needs {seen.request.needed} people: approve it on its own page.")
    if seen.amount > EACH:
        return Verdict(False, f"{seen.name} is above {format_usdt(EACH)} USDT: approve it on its own page.")
    return acts.ALLOWED


def may_reject_many(user: Any, chosen: Sequence[Seen]) -> Verdict:
    for seen in chosen:
        verdict = deciding.may_decide(user, seen.request)
        if not verdict:
            return Verdict(False, f"{seen.name}: {verdict.reason}")
        if seen.request.state != RequestState.WAITING:
            over = deciding.OVER[RequestState(seen.request.state)]
            return Verdict(False, f"{seen.name}: {over}")
    if not 0 < len(chosen) <= MOST_REJECTED:
        return Verdict(False, f"Choose 1 to {MOST_REJECTED}.")
    return acts.ALLOWED


@transaction.atomic
def approve_many(
    contents: Mapping[int, str], *, actor: User, note: str = "", request_id: str = ""
) -> list[ApprovalRequest]:
    """All or none; `contents` is what was seen, hash by request. Raises Refused as `approve` does."""
    _require(may_approve_many(actor, _locked(contents)))
    return [
        deciding.approve(pk, actor=actor, seen=contents[pk], note=note, request_id=request_id)
        for pk in sorted(contents)
    ]


@transaction.atomic
def reject_many(
    contents: Mapping[int, str], *, actor: User, reason: str, request_id: str = ""
) -> list[ApprovalRequest]:
    """All or none, for one reason."""
    _require(may_reject_many(actor, _locked(contents)))
    return [
        deciding.reject(pk, actor=actor, seen=contents[pk], reason=reason, request_id=request_id)
        for pk in sorted(contents)
    ]


def _locked(contents: Mapping[int, str]) -> list[Seen]:
    return facts.look([request for request, _ in requests.lock_all(list(contents))])


def _require(verdict: Verdict) -> None:
    if not verdict:
        raise Refused("not_allowed", verdict.reason)
