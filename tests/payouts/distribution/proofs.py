"""A settled month of a few recipients, and proofs of it: made here by hand, with a key of its own."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from payouts.distribution import merkle, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
ADDRESS = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"


def leaf(number: int, **changed: Any) -> dict[str, Any]:
    """Node `number` earned so many USDT and was paid half of it twice."""
    half = (number + 1) * 500_000
    return {
        "type": verify.LEAF,
        "salt": f"{number:032x}",
        "period": "2026-11",
        "recipient_type": "node",
        "recipient": f"node-{number}",
        "address": ADDRESS,
        "credits": number * 7,
        "share": 2 * half,
        "brought_forward": 250,
        "paid": 2 * half,
        "carried_forward": 250,
        "reason": "",
        "payments": [
            {
                "chunk": chunk,
                "payout": f"payout_{number}x{chunk}",
                "address": ADDRESS,
                "amount": half,
                "txid": hashlib.sha256(f"{number}/{chunk}".encode()).hexdigest(),
            }
            for chunk in (1, 2)
        ],
        **changed,
    }


def proof(index: int, leaves: list[dict[str, Any]], *, key: Ed25519PrivateKey = KEY) -> dict[str, Any]:
    """The proof of the leaf at `index` among these."""
    tree = merkle.Tree([merkle.leaf_hash(verify.canonical(each)) for each in leaves])
    return signed(index, leaves[index], [step.hex() for step in tree.path(index)], len(tree), tree.root, key)


def signed(
    index: int, content: dict[str, Any], path: list[str], size: int, root: bytes, key: Ed25519PrivateKey = KEY
) -> dict[str, Any]:
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    statement: dict[str, Any] = {
        "type": verify.ROOT,
        "deployment": "test",
        "network": "devnet",
        "contract": ADDRESS,
        "period": "2026-11",
        "run_hash": "ab" * 32,
        "size": size,
        "pool": 10**9,
        "paid": 10**9,
        "carried_forward": 0,
        "root": root.hex(),
        "at": "2026-12-03T10:00:00Z",
        "key": hashlib.sha256(public).hexdigest()[:16],
    }
    statement["signature"] = base64.b64encode(key.sign(verify.canonical(statement))).decode()
    return {
        "type": verify.PROOF,
        "leaf": content,
        "index": index,
        "path": path,
        "root": statement,
        "public_key": public.hex(),
    }
