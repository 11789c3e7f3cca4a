"""One payout's page: the facts, what is happening, its timeline, its attempts and its ledger rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from kyc import addressbook, eligibility
from kyc.addressbook import acts as book_acts
from kyc.attestation import in_force
from kyc.eligibility import Finding
from kyc.models import AddressEntry
from lucid_payments import clock
from lucid_payments.backoffice import acts, policy
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.policy import Area
from payouts import provided
from payouts.admin import words
from payouts.admin.explanation import explain
from payouts.api.estimates import REQUIRED_CONFIRMATIONS
from payouts.api.representation import confirmations, head_number
from payouts.models import Attempt, ManualCase, NodeAnswer, Payout, PayoutTransition
from payouts.models.payout import ENDED, HoldReason, Priority
from payouts.schedule import MAXIMUM_RETRIES
from payouts.tron.networks import NETWORKS
from routers.choices import RouterType


@dataclass(frozen=True, slots=True)
class AttemptShown:
    """An attempt with what its row alone doesn't say."""

    row: Attempt
    words: str
    tone: Tone
    expires_at: datetime
    confirmations: int
    explorer_url: str | None
    answers: list[NodeAnswer]


@dataclass(frozen=True, slots=True)
class StepShown:
    """A line of the timeline."""

    row: PayoutTransition
    before: str
    after: str
    tone: Tone
    hold: str


def context(request: HttpRequest, payout: Payout) -> dict[str, Any]:
    """Everything the page shows, in a fixed number of queries."""
    head, now = head_number(), clock.now()
    attempts = list(payout.attempts.prefetch_related("answers"))
    latest = attempts[-1] if attempts else None
    shows_ledger = policy.may_read(request.user, Area.LEDGER)
    transfers = payout.ledger_transfers.select_related("debit", "credit")
    return {
        "title": f"Payout {payout.payout_id}",
        "payout": payout,
        "status_words": words.status_words(payout.status),
        "status_tone": words.status_tone(payout.status, payout.hold_reason),
        "explanation": explain(payout, latest, head=head, at=now),
        "age": now - payout.created_at,
        "priority": Priority(payout.priority).label.capitalize(),
        "recipient_url": NETWORKS[settings.TRON_NETWORK].address_url(payout.recipient_address),
        "steps": [_step(row) for row in payout.transitions.select_related("attempt")],
        "attempts": [shown(row, head) for row in reversed(attempts)],
        "required_confirmations": REQUIRED_CONFIRMATIONS,
        "shows_ledger": shows_ledger,
        "transfers": list(transfers) if shows_ledger else [],
        "router": RouterType(payout.router_type).label,
        "conditions": _conditions(payout, now),
        "batch_type": payout.batch_type.capitalize(),
        "maximum_retries": MAXIMUM_RETRIES,
        "address": _address(request.user, payout),
        "may_archive": may_archive(request.user),
        "shows_audit": policy.may_read(request.user, Area.AUDIT),
        "shows_events": policy.may_read(request.user, Area.EVENTS),
        "cases": list(ManualCase.objects.filter(payout=payout).order_by("pk")),
        "provided": provided.of_payout(payout),
        "replaced": payout.retry_of,
        "replacement": Payout.objects.filter(retry_of=payout).first(),
    }


@dataclass(frozen=True, slots=True)
class ConditionShown:
    """One condition of the KYC router: as it stood when the payout was accepted (None: not asked), and now."""

    words: str
    then: bool | None
    now: bool | None
    why_not: str


def _conditions(payout: Payout, at: datetime) -> list[ConditionShown]:
    """Each condition with its tick or its reason. `now` is asked while it still decides something."""
    matters = payout.router_type == RouterType.KYC and payout.status not in ENDED
    found: dict[str, Finding] = {}
    if matters and payout.node_id:
        standing = in_force.standings([payout.node_id]).get(payout.node_id)
        told = eligibility.findings(standing, payout.recipient_address, at, payout.amount)
        found = {one.condition: one for one in told}
    return [
        ConditionShown(
            sentence,
            payout.router_conditions.get(name),
            found[name].holds if name in found else None,
            found[name].why_not if name in found else "",
        )
        for name, sentence in words.CONDITIONS.items()
        if name in payout.router_conditions or name in found
    ]


def may_archive(user: Any) -> bool:
    """Whether `user` reads everything that a payout's archive holds."""
    return all(policy.may_read(user, area) for area in (Area.PAYOUTS, Area.LEDGER, Area.EVENTS, Area.AUDIT))


def shown(row: Attempt, head: int) -> AttemptShown:
    """`row` with its `answers` loaded. `head`: the latest block."""
    state_words, tone = words.ATTEMPT[row.state]
    return AttemptShown(
        row=row,
        words=state_words,
        tone=tone,
        expires_at=clock.from_ms(row.expiration_ms),
        confirmations=confirmations(row, head),
        # What was never signed is on no explorer.
        explorer_url=_explorer(row.txid) if row.signed_transaction is not None else None,
        answers=list(row.answers.all()),
    )


def _address(user: Any, payout: Payout) -> dict[str, Any]:
    """What the address book says of the recipient; where the payout waits for that, the act that ends it."""
    address = payout.recipient_address
    entry = AddressEntry.objects.filter(address=address, removed_at=None).first()
    button = None
    if payout.hold_reason == HoldReason.COOLING_OFF:
        button = (
            acts.button(book_acts.ADD.kind, f"{acts.NEW}:{address}", user, address)
            if entry is None
            else acts.button(book_acts.CONFIRM.kind, entry.pk, user, entry)
        )
    return {
        "entry": entry,
        "url": book_acts.url_of(entry) if entry else "",
        "alike": addressbook.look_alikes([address]).get(address, []),
        "button": button,
    }


def _explorer(txid: str) -> str | None:
    return NETWORKS[settings.TRON_NETWORK].transaction_url(txid)


def _step(row: PayoutTransition) -> StepShown:
    return StepShown(
        row=row,
        before=words.status_words(row.from_status) if row.from_status else "",
        after=words.status_words(row.to_status),
        tone=words.status_tone(row.to_status, row.hold_reason),
        hold=words.hold_words(row.hold_reason),
    )
