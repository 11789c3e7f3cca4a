"""What a caller may send to `/recipients/me`."""

from __future__ import annotations

from kyc.wallets.challenges import LONGEST_NONCE
from lucid_payments.api.fields import StrictSerializer, TextField


class WalletSerializer(StrictSerializer):
    wallet_address = TextField(max_length=64)
    nonce = TextField(max_length=LONGEST_NONCE)
    signature = TextField(max_length=132)
    node_id = TextField(max_length=50, required=False)


class QuerySerializer(StrictSerializer):
    wallet_address = TextField(max_length=64, required=False)
    node_id = TextField(max_length=50, required=False)
