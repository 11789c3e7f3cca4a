"""What a wallet's owner signs: a text that names the deployment, the account, the address and an end.

Nothing is kept until it comes back signed: the nonce itself carries, under our own key, for whom and what it was
made. A nonce that proved a wallet is stored with it, and proves no second one.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing

from kyc.models import Node
from lucid_payments import clock
from lucid_payments.accounts.models import User

LASTS: Final = timedelta(minutes=15)
# Longer than any that we make.
LONGEST_NONCE: Final = 300
_SALT: Final = "kyc.wallets.challenges"


@dataclass(frozen=True, slots=True)
class Challenge:
    """`message` is signed as it stands, byte for byte."""

    message: str
    nonce: str
    expires_at: datetime

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.nonce)


def fingerprint(nonce: str) -> str:
    """By which a nonce that was used is known again."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def make(user: User, node: Node | None, address: str) -> Challenge:
    """A challenge for this user to prove that `address` is theirs, or that of a node of theirs."""
    expires = clock.now().replace(microsecond=0) + LASTS
    facts = [secrets.token_hex(8), user.pk, node.pk if node else None, address, int(expires.timestamp())]
    return _challenge(user, node, address, signing.dumps(facts, salt=_SALT), expires)


def read(user: User, node: Node | None, address: str, nonce: str) -> Challenge | None:
    """The challenge that this nonce was made with; None unless it is ours, of this owner and address, and in time."""
    try:
        _, user_pk, node_pk, of_address, epoch = signing.loads(nonce, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    expires = clock.from_ms(epoch * 1000)
    if (user_pk, node_pk, of_address) != (user.pk, node.pk if node else None, address):
        return None
    return _challenge(user, node, address, nonce, expires) if clock.now() < expires else None


def _challenge(user: User, node: Node | None, address: str, nonce: str, expires: datetime) -> Challenge:
    lines = [
        "Lucid Payments: this wallet is mine.",
        "Signing this moves no money.",
        "",
        f"Deployment: {settings.DEPLOYMENT}",
        f"Account: {user.public_id}",
        *([f"Node: {node.node_id}"] if node else []),
        f"Wallet: {address}",
        f"Valid until: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Nonce: {nonce}",
    ]
    return Challenge("\n".join(lines), nonce, expires)
