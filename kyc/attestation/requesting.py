"""What awaits the authority's signature, and the request for it: each node's facts of now, with its next number."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from kyc.attestation import deployment
from kyc.attestation.claims import Claims, Kyc, Limits
from kyc.attestation.signing import NOBODY
from kyc.models import Attestation, KeyState, KycRecord, Node, OperatorStatus
from kyc.models.records import VERIFIED
from kyc.wallets import current
from lucid_payments.accounts.models import User
from lucid_payments.audit import log

# What the commitment is made of; a record with other fields is another schema.
SCHEMA: Final = "lucid/kyc-record/v1"
LEVEL: Final = "verified"
POLICY: Final = "1"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the authority is asked to allow; it signs no more than it agrees with."""

    limits: Limits
    days: int

    @classmethod
    def usual(cls) -> Terms:
        """Those of the settings."""
        limits = Limits(settings.ATTESTED_PER_PAYOUT, settings.ATTESTED_DAILY, settings.ATTESTED_MONTHLY)
        return cls(limits, settings.ATTESTATION_DAYS)


def with_newest() -> QuerySet[Any]:
    """Nodes with their newest attestation's end, hash, number, wallet and key's state, where they have one."""
    newest = Attestation.objects.filter(node=OuterRef("pk")).order_by("-seq")
    return Node.objects.select_related("operator").annotate(
        newest_pk=Subquery(newest.values("pk")[:1]),
        newest_seq=Subquery(newest.values("seq")[:1]),
        newest_expires_at=Subquery(newest.values("expires_at")[:1]),
        newest_kyc_hash=Subquery(newest.values("kyc_hash")[:1]),
        newest_wallet=Subquery(newest.values("wallet")[:1]),
        newest_key_state=Subquery(newest.values("key__state")[:1]),
    )


def awaiting(at: datetime) -> QuerySet[Any]:
    """Active nodes of approved operators without an attestation that counts at `at`: none, over, of another record,
    or by a compromised key."""
    counts = (
        Q(newest_expires_at__gt=at)
        & Q(newest_kyc_hash=F("operator__kyc_hash"))
        & ~Q(newest_key_state=KeyState.COMPROMISED)
    )
    return _payable().filter(Q(newest_pk__isnull=True) | ~counts).order_by("pk")


def expiring(at: datetime, days: int) -> QuerySet[Any]:
    """Active nodes of approved operators whose newest attestation ends within so many days, soonest first."""
    soon = at + timedelta(days=days)
    return (
        _payable()
        .filter(newest_expires_at__gt=at, newest_expires_at__lte=soon)
        .order_by("newest_expires_at", "pk")
    )


def wallets_of(nodes: Iterable[Node]) -> dict[int, str]:
    """The wallet that each node's owner has proven, or two people vouched for, by the node's primary key."""
    rows = list(nodes)
    proven = current.of_nodes([node.node_id for node in rows])
    return {node.pk: proven[node.node_id] for node in rows if node.node_id in proven}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request holds, and which nodes it can't."""

    claims: tuple[Claims, ...]
    without_wallet: tuple[str, ...]


def ask_for(nodes: Collection[Node], at: datetime, terms: Terms) -> Asked:
    """The claims that an authority would sign of these nodes at `at`; a node without a proven wallet is left out."""
    wallets = wallets_of(nodes)
    claims = tuple(wanted(node, wallets[node.pk], at, terms) for node in nodes if node.pk in wallets)
    return Asked(claims, tuple(node.node_id for node in nodes if node.pk not in wallets))


@transaction.atomic
def note(asked: Asked, *, actor: User | str, request_id: str = "") -> None:
    """Write down that this request was handed out, and to whom."""
    log.record(
        "attestation.requested",
        actor=actor,
        details={
            "nodes": [claims.subject for claims in asked.claims],
            "left_out": list(asked.without_wallet),
        },
        request_id=request_id,
    )


def wanted(node: Node, wallet: str, at: datetime, terms: Terms) -> Claims:
    """What the authority is asked to sign of this node from `at` on. Two queries."""
    begin = at.replace(microsecond=0)
    ends = begin + timedelta(days=terms.days)
    record = KycRecord.objects.filter(
        operator=node.operator, state__in=VERIFIED, kyc_hash=node.operator.kyc_hash
    ).first()
    if record is not None and record.expires_at is not None:
        ends = min(ends, record.expires_at.replace(microsecond=0))
    last = Attestation.objects.filter(node=node).order_by("-seq").values_list("seq", flat=True).first()
    return Claims(
        issuer=NOBODY,
        audience=deployment.audience(),
        subject=node.node_id,
        jti=NOBODY,
        issued_at=begin,
        not_before=begin,
        expires_at=ends,
        seq=(last or 0) + 1,
        wallet=deployment.wallet(wallet),
        kyc=Kyc(node.operator.kyc_hash, SCHEMA, LEVEL, record.risk if record and record.risk else "unrated"),
        limits=terms.limits,
        screened_by=tuple(sorted(deployment.screening_lists().items())),
        screened_at=begin,
        policy_version=POLICY,
    )


def _payable() -> QuerySet[Any]:
    return with_newest().filter(is_active=True, operator__status=OperatorStatus.APPROVED)
