"""TRON transactions to the byte: the six protobuf messages of a payment, computed here and never asked of a
node.

Messages carry 21-byte addresses; the helpers for USDT calls carry base58check text.
"""

from payouts.tron.encoding.json_form import raw_data_from_json, raw_data_to_json
from payouts.tron.encoding.messages import (
    Contract,
    DelegateResource,
    FreezeBalanceV2,
    RawData,
    Resource,
    Transaction,
    TransferContract,
    TriggerSmartContract,
    decode_raw_data,
    decode_transaction,
    signed_transaction,
)
from payouts.tron.encoding.usdt import (
    TRANSFER_SELECTOR,
    TRANSFER_TOPIC,
    UsdtTransfer,
    decode_usdt_transfer,
    usdt_transfer_data,
)
from payouts.tron.encoding.values import bandwidth_points, ref_block, txid
from payouts.tron.encoding.wire import DecodeError

__all__ = [
    "TRANSFER_SELECTOR",
    "TRANSFER_TOPIC",
    "Contract",
    "DecodeError",
    "DelegateResource",
    "FreezeBalanceV2",
    "RawData",
    "Resource",
    "Transaction",
    "TransferContract",
    "TriggerSmartContract",
    "UsdtTransfer",
    "bandwidth_points",
    "decode_raw_data",
    "decode_transaction",
    "decode_usdt_transfer",
    "raw_data_from_json",
    "raw_data_to_json",
    "ref_block",
    "signed_transaction",
    "txid",
    "usdt_transfer_data",
]
