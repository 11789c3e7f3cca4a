"""A wallet's owner: holds a key, and signs what the API gives."""

from __future__ import annotations

from typing import Any

from tronpy.keys import PrivateKey

from kyc.models import Node
from kyc.wallets import challenges
from lucid_payments.accounts.models import User

KEYS = [PrivateKey(bytes([number]) * 32) for number in (7, 8, 9)]
ADDRESSES = [key.public_key.to_base58check_address() for key in KEYS]


def sign(message: str, key: int = 0) -> str:
    return f"0x{KEYS[key].sign_msg(message.encode()).hex()}"


def body(user: User, key: int = 0, *, node: Node | None = None) -> dict[str, Any]:
    """What `PUT /recipients/me` takes from this user, signed by key number `key`."""
    challenge = challenges.make(user, node, ADDRESSES[key])
    told = {
        "wallet_address": ADDRESSES[key], "nonce": challenge.nonce, "signature": sign(challenge.message, key),
    }  # fmt: skip
    return {**told, "node_id": node.node_id} if node else told
