"""What the API's description says of proofs."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from lucid_payments.api.openapi import refusals
from lucid_payments.api.openapi.operations import operation
from payouts.distribution import verify

PERIOD_PATTERN: Final = "20[0-9]{2}-(0[1-9]|1[0-2])"
_HASH: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_UNITS: Final = {"type": "integer", "minimum": 0, "description": "Base units: 1 USDT is 1,000,000."}
_TEXT: Final = {"type": "string"}


def _object(properties: dict[str, Any], description: str = "") -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **told,
    }


_PAYMENT: Final = _object(
    {"chunk": _UNITS, "payout": _TEXT, "address": _TEXT, "amount": _UNITS, "txid": _HASH},
    "One confirmed transaction.",
)
_LEAF: Final = _object(
    {
        "type": _TEXT,
        "salt": _TEXT,
        "period": _TEXT,
        "recipient_type": {"type": "string", "enum": ["node", "user"]},
        "recipient": _TEXT,
        "address": _TEXT,
        "credits": _UNITS,
        "share": _UNITS,
        "brought_forward": _UNITS,
        "paid": _UNITS,
        "carried_forward": _UNITS,
        "reason": _TEXT,
        "payments": {"type": "array", "items": _PAYMENT},
    },
    "What was earned, and what was paid of it.",
)
_ROOT: Final = _object(
    {
        "type": _TEXT,
        "deployment": _TEXT,
        "network": _TEXT,
        "contract": _TEXT,
        "period": _TEXT,
        "run_hash": _TEXT,
        "size": _UNITS,
        "pool": _UNITS,
        "paid": _UNITS,
        "carried_forward": _UNITS,
        "root": _HASH,
        "at": _TEXT,
        "key": _TEXT,
        "signature": _TEXT,
    },
    "What is published for everybody: the same in every proof of the month.",
)
PROOF: Final = _object(
    {
        "type": _TEXT,
        "leaf": _LEAF,
        "index": {"type": "integer", "minimum": 0},
        "path": {"type": "array", "items": _HASH},
        "root": _ROOT,
        "public_key": _HASH,
    }
)
_TXID: Final = "5f" * 32
EXAMPLE: Final = {
    "type": verify.PROOF,
    "leaf": {
        "type": verify.LEAF,
        "salt": "0f" * 16,
        "period": "2026-10",
        "recipient_type": "node",
        "recipient": "node-eu-0001",
        "address": "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9",
        "credits": 730,
        "share": 12_500_000,
        "brought_forward": 0,
        "paid": 12_500_000,
        "carried_forward": 0,
        "reason": "",
        "payments": [
            {
                "chunk": 1,
                "payout": "payout_8Zq3fT1kLw9XbNc2RmYs4A",
                "address": "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9",
                "amount": 12_500_000,
                "txid": _TXID,
            }
        ],
    },
    "index": 1,
    "path": ["a1" * 32, "b2" * 32],
    "root": {
        "type": verify.ROOT,
        "deployment": "lucid",
        "network": "mainnet",
        "contract": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "period": "2026-10",
        "run_hash": "c3" * 32,
        "size": 300,
        "pool": 3_000_000_000,
        "paid": 2_990_000_000,
        "carried_forward": 10_000_000,
        "root": "d4" * 32,
        "at": "2026-11-03T10:00:00Z",
        "key": "0123456789abcdef",
        "signature": "base64 of 64 bytes",
    },
    "public_key": "e5" * 32,
}

get_proof = operation(
    "getProof",
    "Read a recipient's proof of a month",
    tag="Distributions",
    description=(
        "Your own as a user, or with `node_id` that of a node of yours; it is there once the month's run has settled. "
        "Keep it as a file and check it anywhere: `python3 verify.py proof.json`, with nothing but Python."
    ),
    parameters=[
        OpenApiParameter(
            "period",
            {"type": "string", "pattern": f"^{PERIOD_PATTERN}$"},
            OpenApiParameter.PATH,
            description="A month, such as 2026-10.",
        ),
        OpenApiParameter(
            "node_id", {"type": "string", "minLength": 1, "maxLength": 50}, description="A node of yours."
        ),
    ],
    answer=PROOF,
    example=EXAMPLE,
    refused=[refusals.UNKNOWN_PATH],
)
