"""What the API's description says of wallets."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from kyc.wallets.bodies import WalletSerializer
from lucid_payments.api import errors
from lucid_payments.api.openapi import refusals
from lucid_payments.api.openapi.fields import Moment
from lucid_payments.api.openapi.operations import operation

WALLETS: Final = "Wallets"
_ADDRESS: Final = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
_NONCE: Final = "WyI5ZjJjNGE3MWQwM2I4ZTU2Iiw0MiwxNzYwMDAwMDAwXQ:1vTmKq:5XQ2c0dR8yPzN3bLwGk7sVtUf1eA9hJm"


class WalletShown(serializers.Serializer[Any]):
    wallet_address = serializers.CharField()
    state = serializers.ChoiceField(
        ("cooling_off", "current"), help_text="It is paid to from `counts_from` on, not before."
    )
    proof = serializers.ChoiceField(
        ("signed", "confirmed"), help_text="A signed message, or two people's word."
    )
    counts_from = Moment()
    created_at = Moment()


class ChallengeShown(serializers.Serializer[Any]):
    message = serializers.CharField(help_text="Sign exactly this, with tronweb's `signMessageV2` (TIP-191).")
    nonce = serializers.CharField(help_text="Send it back with the signature.")
    expires_at = Moment()


class RecipientShown(serializers.Serializer[Any]):
    node_id = serializers.CharField(allow_null=True, help_text="Whose it is; `null`: your own.")
    wallet = WalletShown(allow_null=True)
    challenge = ChallengeShown(allow_null=True, help_text="Only where `wallet_address` was asked about.")


_WALLET: Final = {
    "wallet_address": _ADDRESS,
    "state": "cooling_off",
    "proof": "signed",
    "counts_from": "2026-02-01T12:00:00Z",
    "created_at": "2026-01-31T12:00:00Z",
}
get_recipient = operation(
    "getRecipient",
    "Your wallet, and what to sign for another one",
    tag=WALLETS,
    description="With `wallet_address`, `challenge` holds what that wallet must sign; it counts for 15 minutes.",
    parameters=[
        OpenApiParameter("wallet_address", {"type": "string"}, description="The wallet you want to prove."),
        OpenApiParameter("node_id", {"type": "string"}, description="A node of yours; absent: you yourself."),
    ],
    answer=RecipientShown,
    example={
        "node_id": None,
        "wallet": None,
        "challenge": {
            "message": (
                "Lucid Payments: this wallet is mine.\nSigning this moves no money.\n\nDeployment: lucid-demo\n"
                f"Account: 0b7e3c52-6f1d-4c8a-9a53-2d7e8f90b1c4\nWallet: {_ADDRESS}\n"
                f"Valid until: 2026-01-31T12:15:00Z\nNonce: {_NONCE}"
            ),
            "nonce": _NONCE,
            "expires_at": "2026-01-31T12:15:00Z",
        },
    },
    refused=[refusals.UNKNOWN_PATH, errors.InvalidAddress],
)
set_recipient = operation(
    "setRecipient",
    "Set your wallet by a signed message",
    tag=WALLETS,
    description=(
        "The wallet before it is void at once; the new one counts after the cooling-off time (24 hours unless "
        "configured otherwise). The same request again changes nothing."
    ),
    body=WalletSerializer,
    bodies={
        "Your own": {"wallet_address": _ADDRESS, "nonce": _NONCE, "signature": "0x" + "8f" * 64 + "1b"},
        "A node's": {
            "wallet_address": _ADDRESS, "nonce": _NONCE, "signature": "0x" + "8f" * 64 + "1b",
            "node_id": "node-berlin-7",
        },
    },
    answer=RecipientShown,
    example={"node_id": None, "wallet": _WALLET, "challenge": None},
    refused=[refusals.UNKNOWN_PATH, errors.InvalidAddress, errors.RecipientNotAccepted],
)  # fmt: skip
