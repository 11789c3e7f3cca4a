"""Nodes as routing sees them: with their operators, their newest attestations, and the keys these are judged by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from kyc.attestation import deployment, verification
from kyc.attestation.claims import Claims
from kyc.attestation.keys import KeyState, TrustedKey
from kyc.attestation.verification import AttestationRefused, Facts, Reason
from kyc.models import Attestation, AuthorityKey, Node


@dataclass(frozen=True, slots=True)
class Standing:
    """A node as it stands now. `document` is its newest attestation, empty where there is none, `seq` its number."""

    node: Node
    document: str
    seq: int
    trusted: Mapping[str, TrustedKey]
    # The screening lists there must be: who was never screened by one of them isn't attested well enough.
    lists: frozenset[str]

    def claims(self) -> Claims:
        """What the newest attestation says, under a good signature. Raises AttestationRefused."""
        return verification.opened(self.document, self.trusted)

    def refusals(self, recipient: str, at: datetime, amount: int | None = None) -> list[Reason]:
        """Why it isn't good for paying `amount` (base units) to `recipient` at `at` (UTC); empty when it is."""
        return refusals(self.document, self.trusted, self.facts(recipient, at, amount))

    def facts(self, recipient: str, at: datetime, amount: int | None = None) -> Facts:
        """What the attestation is held against."""
        return Facts(
            audience=deployment.audience(),
            subject=self.node.node_id,
            wallet=deployment.wallet(recipient),
            kyc_hash=self.node.operator.kyc_hash,
            at=at,
            highest_seq=self.seq,
            amount=amount,
            lists=self.lists,
        )


def standings(node_ids: Collection[str]) -> dict[str, Standing]:
    """These nodes by id, in two queries however many; none for none. A node never heard of is left out."""
    if not node_ids:
        return {}
    newest = Attestation.objects.filter(node=OuterRef("pk")).order_by("-seq")
    rows = (
        Node.objects.select_related("operator")
        .filter(node_id__in=node_ids)
        .annotate(
            newest_document=Subquery(newest.values("document")[:1]),
            newest_seq=Subquery(newest.values("seq")[:1]),
        )
    )
    found = list(rows)
    trusted = trusted_keys() if any(node.newest_document for node in found) else {}
    lists = deployment.required_lists()
    return {
        node.node_id: Standing(node, node.newest_document or "", node.newest_seq or 0, trusted, lists)
        for node in found
    }


def trusted_keys() -> dict[str, TrustedKey]:
    """Every key that this deployment knows, by `kid`, whatever its state: the state says what it is worth."""
    rows = AuthorityKey.objects.values_list("kid", "authority__name", "x", "state", "ended_at")
    return {
        kid: TrustedKey(kid, name, x, KeyState(state), ended_at) for kid, name, x, state, ended_at in rows
    }


def refusals(document: str, trusted: Mapping[str, TrustedKey], facts: Facts) -> list[Reason]:
    """Every reason against it; one alone where it can't be opened."""
    try:
        claims = verification.opened(document, trusted)
    except AttestationRefused as refused:
        return [refused.reason]
    return verification.refusals(claims, facts)
