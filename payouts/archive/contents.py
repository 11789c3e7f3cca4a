"""Everything that is kept about one payout, as the papers of its archive.

Amounts stay integers: base units of USDT (10⁻⁶), TRX in sun.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import models

from kyc.archive import attested
from kyc.models import Attestation, ScreeningEncounter
from lucid_payments import clock
from lucid_payments.audit.archives.papers import Papers, Section
from lucid_payments.audit.archives.rows import plain
from lucid_payments.backoffice.formats import usdt
from lucid_payments.events.models import Event
from payouts.models import ManualCase, Payout


def _payout(payout: Payout) -> dict[str, Any]:
    return {
        **plain(payout),
        "batch": plain(payout.batch) if payout.batch else None,
        "slot": plain(payout.slot) if payout.slot else None,
        "policy_version": plain(payout.policy_version) if payout.policy_version else None,
        "retry_of": payout.retry_of.payout_id if payout.retry_of else None,
    }


def _approvals(payout: Payout) -> list[dict[str, Any]]:
    """What people had to agree to, by which rule, and each one's word."""
    request = payout.approval
    if request is None:
        return []
    given = [plain(row) for row in request.approvals.select_related("approver").order_by("pk")]
    return [{**plain(request), "rule": plain(request.rule), "approvals": given}]


def _screening(payout: Payout) -> list[dict[str, Any]]:
    """Each hit that was met about the payout, with the versions of the lists that said so."""
    rows = ScreeningEncounter.objects.filter(about=payout.payout_id).order_by("pk")
    return [plain(row) for row in rows]


def _attestations(payout: Payout) -> list[dict[str, Any]]:
    return [{**attested.told(row), "documents": attested.documents_behind(row)} for row in _attested(payout)]


def _attested(payout: Payout) -> list[Attestation]:
    """What its node was attested by when it was asked for, and every newer one until it ended."""
    if not payout.node_id:
        return []
    return attested.between(payout.node_id, payout.created_at, payout.ended_at or clock.now())


def _timeline(payout: Payout) -> list[dict[str, Any]]:
    return [plain(row) for row in payout.transitions.order_by("pk")]


def _attempts(payout: Payout) -> list[dict[str, Any]]:
    attempts = payout.attempts.order_by("number").prefetch_related("answers")
    return [{**plain(row), "answers": [plain(answer) for answer in row.answers.all()]} for row in attempts]


def _ledger(payout: Payout) -> list[dict[str, Any]]:
    rows = payout.ledger_transfers.select_related("debit", "credit").order_by("pk")
    return [{**plain(row), "debit": row.debit.name, "credit": row.credit.name} for row in rows]


def _events(payout: Payout) -> list[dict[str, Any]]:
    rows = Event.objects.filter(subject_type="payout", subject_id=payout.payout_id).select_related("owner")
    return [plain(row) for row in rows.order_by("pk")]


def _cases(payout: Payout) -> list[dict[str, Any]]:
    return [plain(row) for row in ManualCase.objects.filter(payout=payout).order_by("pk")]


def _facts(payout: Payout) -> list[tuple[str, str]]:
    return [
        ("Amount", f"{usdt(payout.amount)} USDT"),
        ("Recipient", payout.recipient_address),
        ("Status", payout.status),
        ("Created by", payout.creator.get_username()),
    ]


def _about(payout: Payout) -> list[models.Model]:
    return [*ManualCase.objects.filter(payout=payout).order_by("pk"), *_attested(payout)]


PAPERS: Final[Papers[Payout]] = Papers(
    kind="payout",
    public_id=lambda payout: payout.payout_id,
    facts=_facts,
    sections=(
        Section(
            "payout",
            "Every column of the payout, its batch, its slot and the policy it was judged by.",
            _payout,
        ),
        Section("approvals", "Who had to agree, by which rule, and what each one said.", _approvals),
        Section("screening", "What screening met, and by which versions of the lists.", _screening),
        Section(
            "attestations",
            "What the authority signed of the paid node, whole, with the key that verifies it and the hashes of the"
            " documents behind it.",
            _attestations,
        ),
        Section(
            "timeline",
            "Each step, with its reason, who took it and when.",
            _timeline,
            ("at", "actor_label", "from_status", "to_status", "hold_reason", "detail"),
        ),
        Section(
            "attempts",
            "Each transaction with its bytes and signature, and what every node answered.",
            _attempts,
        ),
        Section(
            "ledger",
            "The ledger's rows: reserved, posted, voided.",
            _ledger,
            ("at", "kind", "amount", "debit", "credit", "id", "pending"),
        ),
        Section("events", "What was told to its owner.", _events, ("created_at", "type", "payload")),
        Section("cases", "What people had to decide about it.", _cases),
    ),
    about=_about,
)
