"""Attested nodes in the tests' database: an authority whose test key signs what a test wants attested."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from kyc.attestation import deployment, importing, keys
from kyc.attestation.claims import Claims, Kyc, Limits, Wallet
from kyc.attestation.keys import AuthorityKey as PrivateKey
from kyc.models import Attestation, Authority, AuthorityKey, KeyState, Node, NodeOperator, OperatorStatus
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.tron.networks import NETWORKS
from tests.kyc.attestation.documents import HASH, KEY, WALLET, signed, trusted
from tests.policies import administrators

LONG = timedelta(days=30)


def trust(key: PrivateKey = KEY, state: str = KeyState.ACTIVE) -> AuthorityKey:
    """The deployment trusts this key; the same row each time a test asks."""
    first, second = administrators()
    authority, _ = Authority.objects.get_or_create(name=key.authority)
    row, _ = AuthorityKey.objects.get_or_create(
        kid=key.kid,
        defaults={
            "authority": authority,
            "x": keys.public_of(key.private),
            "state": state,
            "added_by": first,
            "approved_by": second,
        },
    )
    return row


def node(
    node_id: str = "node-1", *, owner: User | None = None, reputation: str = "0.9", **fields: Any
) -> Node:
    """A node for which everything holds but an attestation. `owner` operates it."""
    user = owner or User.objects.get_or_create(username="node-owner", defaults={"role": "node_operator"})[0]
    operator, _ = NodeOperator.objects.get_or_create(
        user=user,
        defaults={"operator_id": user.username[:50], "status": OperatorStatus.APPROVED, "kyc_hash": HASH},
    )
    return Node.objects.get_or_create(
        node_id=node_id, defaults={"operator": operator, "reputation": Decimal(reputation), **fields}
    )[0]


def said_of(node: Node, at: datetime | None = None, *, wallet: str = WALLET, **changes: Any) -> Claims:
    """What a good attestation of this node says, from a day before `at` (now) on for a month; numbered anew."""
    begin = (at or clock.now()).replace(microsecond=0) - timedelta(days=1)
    newest = Attestation.objects.filter(node=node).order_by("-seq").first()
    good: dict[str, Any] = {
        "issuer": KEY.authority,
        "audience": settings.DEPLOYMENT,
        "subject": node.node_id,
        "jti": "-",
        "issued_at": begin,
        "not_before": begin,
        "expires_at": begin + LONG,
        "seq": newest.seq + 1 if newest else 1,
        "wallet": wallet_of(wallet),
        "kyc": Kyc(node.operator.kyc_hash or HASH, "person/1", "full", "low"),
        "limits": Limits(None, None, None),
        "screened_by": tuple(sorted(deployment.screening_lists().items())),
        "screened_at": begin,
        "policy_version": "1",
    }
    return Claims(**{**good, **changes})


def attest(
    whom: Node | str,
    *,
    wallet: str = WALLET,
    per_payout: int | None = None,
    day: int | None = None,
    month: int | None = None,
    **changes: Any,
) -> Attestation:
    """Signed by the test authority and taken in through the same door as a real one. Limits in base units."""
    trust()
    said = said_of(
        node(whom) if isinstance(whom, str) else whom,
        wallet=wallet,
        limits=Limits(per_payout, day, month),
        **changes,
    )
    return importing.take(signed(said), actor=administrators()[0])


def put(node: Node, document: str, **columns: Any) -> Attestation:
    """Into the table past every check, as whoever owns the database can: numbered as the newest."""
    key = trust()
    newest = Attestation.objects.filter(node=node).order_by("-seq").first()
    claims = said_of(node)
    row = importing.row_of(claims, document, node, key, None)
    row.jti, row.seq = f"put-{node.pk}-{claims.seq}", newest.seq + 1 if newest else 1
    for name, value in columns.items():
        setattr(row, name, value)
    row.save()
    return row


def wallet_of(address: str) -> Wallet:
    """The address on the tests' network."""
    network = NETWORKS[settings.TRON_NETWORK]
    return Wallet(network.name, network.usdt_contract, address)


__all__ = ["HASH", "KEY", "WALLET", "attest", "node", "put", "said_of", "trust", "trusted", "wallet_of"]
