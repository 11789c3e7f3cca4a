"""Approving and rejecting what waits, one request or many: each by a confirm page of what it is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final

from django.http import Http404
from django.urls import reverse
from django.utils.html import format_html

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.money import format_usdt
from payouts.approvals import deciding, facts, many, requests
from payouts.approvals.deciding import SHORTEST_REASON
from payouts.approvals.facts import PayoutSeen, Seen
from payouts.approvals.telling import APPROVERS
from payouts.manager import PayoutManager
from payouts.models.approval import ApprovalRequest, RequestState
from routers.choices import RouterType

NEVER: Final = "Never paid before"
# As many payouts of a batch as one page names.
MOST_LISTED: Final = 100


class OneRequest(Act):
    """An act on one payout or one batch; the key is the request's."""

    roles = APPROVERS

    def find(self, key: str) -> Seen:
        return _look([_key(key)])[0]

    def lock(self, key: str) -> Seen:
        return _look([_key(key)], lock=True)[0]

    def label(self, subject: Seen) -> str:
        return subject.name

    def page_of(self, subject: Seen) -> str:
        return reverse("admin:payouts_approvalrequest_change", args=[subject.request.pk])

    def facts(self, subject: Seen) -> dict[str, str]:
        request, first = subject.request, subject.first
        asked = f"{request.asked_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        told = {"Amount": f"{format_usdt(subject.amount)} USDT"}
        if first is not None and not request.is_batch:
            told |= facts_of(first)
        told |= {
            "Created by": f"{request.creator.get_username()} ({request.creator.get_role_display()})",
            "Created (UTC)": asked,
            "Creator's last 24 hours, this included": f"{format_usdt(request.day)} USDT",
            "Approvals": standing_words(subject),
        }
        if request.is_batch:
            told["Payouts"] = str(len(subject.payouts))
            if request.source_hash:
                told["SHA-256 of the file"] = formats.code(request.source_hash)
            foremost = subject.foremost(MOST_LISTED)
            told |= {
                f"{place}. {format_usdt(seen.payout.amount)} USDT": line_of(seen)
                for place, seen in enumerate(foremost, start=1)
            }
            if len(foremost) < len(subject.payouts):
                more = len(subject.payouts) - len(foremost)
                told["Further payouts"] = (
                    f"{more:,}. Look-alikes, new recipients and the largest stand here; the request's page leads on."
                )
        return told

    def version(self, subject: Seen) -> str:
        return subject.content


class Approve(OneRequest):
    kind = "approval.approve"
    title = "Approve"
    verb = "Approve"
    minimum_reason = 0

    def allowed(self, user: Any, subject: Seen) -> Verdict:
        verdict = deciding.may_approve(user, subject.request, subject.content)
        return verdict and _not_forbidden(subject)

    def consequences(self, subject: Seen, data: Mapping[str, Any]) -> list[str]:
        left = subject.standing.missing - 1
        if left > 0:
            return [f"Nothing goes yet: {left} more must approve it after you, another person."]
        many_of = f"{len(subject.payouts)} payouts, " if subject.request.is_batch else ""
        return [
            f"{many_of}{format_usdt(subject.amount)} USDT may go: released as soon as limits, slot and treasury allow.",
            *(f"{_named(seen)} looks like {seen.recipient.double}." for seen in subject.doubles),
        ]

    def perform(self, subject: Seen, performance: Performance) -> Outcome:
        request = PayoutManager.approve(
            subject.request.pk,
            actor=performance.actor,
            seen=subject.content,
            note=performance.reason,
            request_id=performance.request_id,
        )
        if request.state == RequestState.APPROVED:
            return Outcome(f"{subject.name} is approved and goes its way.", queue_url())
        return Outcome(
            f"Your approval of {subject.name} counts; another person must approve it, too.", queue_url()
        )


class Reject(OneRequest):
    kind = "approval.reject"
    title = "Reject"
    verb = "Reject"
    minimum_reason = SHORTEST_REASON

    def allowed(self, user: Any, subject: Seen) -> Verdict:
        return many.may_reject_many(user, [subject])

    def consequences(self, subject: Seen, data: Mapping[str, Any]) -> list[str]:
        return [_ends(len(subject.payouts)), *_HEARD]

    def perform(self, subject: Seen, performance: Performance) -> Outcome:
        PayoutManager.reject(
            subject.request.pk,
            actor=performance.actor,
            seen=subject.content,
            reason=performance.reason,
            request_id=performance.request_id,
        )
        return Outcome(f"{subject.name} is rejected. Nothing of it is paid.", queue_url())


class ManyRequests(Act):
    """An act on several requests; the key is theirs, joined by commas."""

    roles = APPROVERS

    def find(self, key: str) -> list[Seen]:
        return _look(_keys(key))

    def lock(self, key: str) -> list[Seen]:
        return _look(_keys(key), lock=True)

    def label(self, subject: list[Seen]) -> str:
        return f"{len(subject)} chosen"

    def page_of(self, subject: list[Seen]) -> str:
        return queue_url()

    def facts(self, subject: list[Seen]) -> dict[str, str]:
        total = sum(seen.amount for seen in subject)
        told = {"Together": f"{format_usdt(total)} USDT"}
        return told | {
            f"{place}. {format_usdt(seen.amount)} USDT": _line_of_request(seen)
            for place, seen in enumerate(subject, start=1)
        }

    def version(self, subject: list[Seen]) -> str:
        return acts.fingerprint({str(pk): content for pk, content in _contents(subject).items()})


class ApproveMany(ManyRequests):
    kind = "approval.approve_many"
    title = "Approve several"
    verb = "Approve all of them"
    minimum_reason = 0

    def allowed(self, user: Any, subject: list[Seen]) -> Verdict:
        verdict = many.may_approve_many(user, subject)
        for seen in subject:
            verdict = verdict and _not_forbidden(seen)
        return verdict

    def consequences(self, subject: list[Seen], data: Mapping[str, Any]) -> list[str]:
        total = sum(seen.amount for seen in subject)
        return [
            f"{format_usdt(total)} USDT in {len(subject)} payouts may go: released as soon as limits, slots and "
            "treasury allow."
        ]

    def perform(self, subject: list[Seen], performance: Performance) -> Outcome:
        return _done(subject, performance, PayoutManager.approve_many, "approved and go their way", "note")


class RejectMany(ManyRequests):
    kind = "approval.reject_many"
    title = "Reject several"
    verb = "Reject all of them"
    minimum_reason = SHORTEST_REASON

    def allowed(self, user: Any, subject: list[Seen]) -> Verdict:
        return many.may_reject_many(user, subject)

    def consequences(self, subject: list[Seen], data: Mapping[str, Any]) -> list[str]:
        return [_ends(sum(len(seen.payouts) for seen in subject)), *_HEARD]

    def perform(self, subject: list[Seen], performance: Performance) -> Outcome:
        return _done(subject, performance, PayoutManager.reject_many, "rejected", "reason")


APPROVE = acts.register(Approve())
REJECT = acts.register(Reject())
APPROVE_MANY = acts.register(ApproveMany())
REJECT_MANY = acts.register(RejectMany())

_HEARD: Final = (
    "Its creator hears that an approver rejected it, and not why; the reason stands in the timeline and the audit log.",
)


def _ends(count: int) -> str:
    return "The payout ends." if count == 1 else f"{count} payouts end."


def queue_url() -> str:
    return reverse("admin:payouts_approvalrequest_changelist")


def facts_of(seen: PayoutSeen) -> dict[str, str]:
    """What a person decides by, of one payout."""
    payout, recipient = seen.payout, seen.recipient
    told = {
        "Recipient": formats.code(recipient.address),
        "Name": recipient.name or "None: no address book names it.",
        "Paid before": "Yes" if recipient.paid_before else NEVER,
    }
    if recipient.double:
        told["Looks like another one that was paid"] = formats.code(recipient.double)
    told |= {name: word.sentence for name, word in seen.words}
    return told | {
        "Router": RouterType(payout.router_type).label,
        "Reason given": payout.reason,
        "Payout": payout.payout_id,
    }


def standing_words(seen: Seen) -> str:
    standing = seen.standing
    words = f"{standing.given} of {standing.needed}"
    if standing.approvers:
        words += f", by {', '.join(standing.approvers)}"
    if seen.void:
        words += f"; void since it changed: {', '.join(seen.void)}"
    return words


def line_of(seen: PayoutSeen, *further: str) -> str:
    """One payout's recipient and what is known of it: the address whole and in one width."""
    words = [seen.recipient.name] if seen.recipient.name else []
    words.append("Paid before" if seen.recipient.paid_before else NEVER)
    if seen.recipient.double:
        words.append(f"LOOKS LIKE {seen.recipient.double}")
    words += [f"{name}: {word.sentence}" for name, word in seen.words]
    return format_html(
        "<code>{}</code><br>{}",
        seen.recipient.address,
        ". ".join(said.removesuffix(".") for said in [*words, *further]),
    )


def _named(seen: PayoutSeen) -> str:
    name = f" ({seen.recipient.name})" if seen.recipient.name else ""
    return f"{seen.recipient.address}{name}"


def _line_of_request(seen: Seen) -> str:
    if seen.first is None or seen.request.is_batch:
        return f"{seen.name}: {len(seen.payouts)} payouts"
    return line_of(seen.first, f"By {seen.request.creator.get_username()}")


def _not_forbidden(seen: Seen) -> Verdict:
    said = [word for one in seen.payouts for _, word in one.words if word.forbids]
    return Verdict(False, f"It can't be approved. {said[0].sentence}") if said else acts.ALLOWED


def _done(
    subject: Sequence[Seen], performance: Performance, act: Callable[..., Any], words: str, reason: str
) -> Outcome:
    actor: User = performance.actor
    act(
        _contents(subject),
        actor=actor,
        request_id=performance.request_id,
        **{reason: performance.reason},
    )
    total = format_usdt(sum(seen.amount for seen in subject))
    return Outcome(f"{len(subject)}, {total} USDT together, are {words}.", queue_url())


def _contents(subject: Sequence[Seen]) -> dict[int, str]:
    return {seen.request.pk: seen.content for seen in subject}


def _look(keys: Sequence[int], *, lock: bool = False) -> list[Seen]:
    if lock:
        rows = [request for request, _ in requests.lock_all(keys)]
    else:
        rows = list(
            ApprovalRequest.objects.select_related("creator", "batch").filter(pk__in=keys).order_by("pk")
        )
    if len(rows) != len(keys):
        raise Http404("no such request")
    return facts.look(rows)


def _key(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Http404("no such request")
    return int(text)


def _keys(text: str) -> list[int]:
    keys = sorted({_key(part) for part in text.split(",")})
    if len(keys) > many.MOST_REJECTED:
        raise Http404("more than one page of the queue")
    return keys
