"""Taking attestations in: each is verified as if a payout hung on it, and then stored whole."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from kyc.attestation import deployment, in_force, signing, verification
from kyc.attestation.claims import Claims
from kyc.attestation.keys import KeyState
from kyc.attestation.verification import AttestationRefused, Facts
from kyc.models import Attestation, AuthorityKey, Node
from kyc.wallets import current
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log

TAKES_NEW = (KeyState.ACTIVE, KeyState.RETIRING)


class NotTaken(Exception):
    """The attestation isn't stored; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one document of a file: `why_not` is empty when it was stored."""

    node_id: str
    seq: int
    why_not: str = ""


def take_file(text: str, *, actor: User, request_id: str = "") -> list[Taken]:
    """Store what is good in the authority's answer, each by itself. Raises signing.BadFile."""
    told = []
    for document in signing.read_answer(text):
        try:
            row = take(document, actor=actor, request_id=request_id)
            told.append(Taken(row.node.node_id, row.seq))
        except NotTaken as refused:
            node_id, seq = _says(document)
            told.append(Taken(node_id, seq, str(refused)))
    return told


@transaction.atomic
def take(document: str, *, actor: User | None, request_id: str = "") -> Attestation:
    """Verify and store one attestation, with its audit entry. Raises NotTaken, and then nothing is stored."""
    trusted = in_force.trusted_keys()
    try:
        claims = verification.opened(document, trusted)
    except AttestationRefused as refused:
        raise NotTaken(str(refused)) from None
    # Attestations of one node come one after the other.
    node = (
        Node.objects.select_for_update(of=("self",))
        .select_related("operator")
        .filter(node_id=claims.subject)
        .first()
    )
    if node is None:
        raise NotTaken("No such node is registered here.")
    _refuse_unfit(claims, node)
    key = AuthorityKey.objects.select_for_update().get(kid=verification.kid_of(document))
    if key.state not in TAKES_NEW:
        raise NotTaken("Nothing new is taken that this key has signed.")
    row = row_of(claims, document, node, key, actor)
    row.save()
    log.record(
        "attestation.imported",
        actor=actor,
        subject=row,
        details={
            "node": node.node_id,
            "seq": claims.seq,
            "kid": key.kid,
            "jti": claims.jti,
            "expires_at": f"{claims.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        },
        request_id=request_id,
    )
    return row


def row_of(claims: Claims, document: str, node: Node, key: AuthorityKey, actor: User | None) -> Attestation:
    """The row of an opened attestation, not saved."""
    return Attestation(
        node=node,
        key=key,
        document=document,
        jti=claims.jti,
        seq=claims.seq,
        issued_at=claims.issued_at,
        not_before=claims.not_before,
        expires_at=claims.expires_at,
        wallet=claims.wallet.address,
        kyc_hash=claims.kyc.hash,
        level=claims.kyc.level,
        risk=claims.kyc.risk,
        per_payout=claims.limits.per_payout,
        daily=claims.limits.daily,
        monthly=claims.limits.monthly,
        policy_version=claims.policy_version,
        imported_by=actor,
    )


def _refuse_unfit(claims: Claims, node: Node) -> None:
    """Whatever would make it useless is refused now, while somebody looks.

    One that begins later is among it: the newest counts, so it would end the one before it at once.
    """
    highest = Attestation.objects.filter(node=node).aggregate(highest=Max("seq"))["highest"] or 0
    if claims.seq == highest:
        raise NotTaken(f"Attestation {highest} of this node was taken before.")
    proven = current.of_node(node.node_id)
    if proven is not None and claims.wallet.address != proven:
        raise NotTaken("The node's owner has another wallet by now: ask for an attestation of that one.")
    facts = Facts(
        audience=deployment.audience(),
        subject=node.node_id,
        wallet=deployment.wallet(claims.wallet.address),
        kyc_hash=node.operator.kyc_hash,
        at=clock.now(),
        highest_seq=highest,
        lists=deployment.required_lists(),
    )
    for reason in verification.refusals(claims, facts):
        raise NotTaken(verification.SENTENCES[reason])


def _says(document: str) -> tuple[str, int]:
    """Which node and number a refused document names, as far as it is signed by anybody we know."""
    try:
        claims = verification.opened(document, in_force.trusted_keys())
    except AttestationRefused:
        return "", 0
    return claims.subject, claims.seq
