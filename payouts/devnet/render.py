"""java-tron's JSON: fields at their default value left out, hexadecimal unless the caller asked for
`visible`.
"""

from __future__ import annotations

from typing import Any

from payouts.devnet.accounts import Permission
from payouts.devnet.blocks import VERSION, Block
from payouts.devnet.transactions import Included, Outcome, SignedTransaction
from payouts.tron import addresses, encoding

Json = dict[str, Any]


def without_defaults(fields: Json) -> Json:
    """proto3's JSON: zero, false, empty text and empty lists aren't written."""
    return {name: value for name, value in fields.items() if value not in (0, False, "", [], {})}


def address(raw: bytes, visible: bool) -> str:
    """Base58check or hexadecimal; what is no address stays hexadecimal."""
    if visible and len(raw) == addresses.RAW_LENGTH and raw[0] == addresses.VERSION:
        return addresses.encode(raw)
    return raw.hex()


def address_of_hex(text: str, visible: bool) -> str:
    return address(bytes.fromhex(text), visible)


def text(message: str, visible: bool) -> str:
    """A `bytes` field that holds text."""
    return message if visible else message.encode().hex()


def transaction(signed: SignedTransaction, visible: bool) -> Json:
    """A transaction without a result: what an unsigned one, or a request's echo, looks like."""
    rendered: Json = {}
    if signed.signatures:
        rendered["signature"] = [signature.hex() for signature in signed.signatures]
    rendered["txID"] = signed.txid
    rendered["raw_data"] = encoding.raw_data_to_json(signed.raw, visible=visible)
    rendered["raw_data_hex"] = signed.raw_data.hex()
    return rendered


def transaction_with_result(signed: SignedTransaction, outcome: Outcome, visible: bool) -> Json:
    return {"ret": [{"contractRet": outcome.contract_ret}], **transaction(signed, visible)}


def included(item: Included, visible: bool) -> Json:
    """A transaction in a block; rendered once, since every watcher asks for the same blocks."""
    key = ("transaction", visible)
    if key not in item.rendered:
        item.rendered[key] = transaction_with_result(item.transaction, item.outcome, visible)
    return item.rendered[key]


def block(value: Block, visible: bool, *, detail: bool = True) -> Json:
    header = {
        "number": value.number,
        "txTrieRoot": value.root.hex(),
        "witness_address": address(value.producer, visible),
        "parentHash": value.parent_id.hex(),
        "version": VERSION,
        "timestamp": value.timestamp,
    }
    rendered: Json = {
        "blockID": value.id.hex(),
        "block_header": {
            "raw_data": without_defaults(header),
            "witness_signature": value.signature.hex(),
        },
    }
    if detail and value.transactions:
        rendered["transactions"] = [included(item, visible) for item in value.transactions]
    return rendered


def transaction_info(at: Block, item: Included, visible: bool) -> Json:
    """What a transaction did in a block: `gettransactioninfobyid`'s answer."""
    key = ("info", at.id, visible)
    if key not in item.rendered:
        item.rendered[key] = info_of(item.transaction, item.outcome, at.number, at.timestamp, visible)
    return item.rendered[key]


def info_of(signed: SignedTransaction, outcome: Outcome, number: int, timestamp: int, visible: bool) -> Json:
    is_call = bool(outcome.contract_address)
    receipt = {
        "energy_usage": outcome.energy_usage,
        "energy_fee": outcome.energy_fee,
        "energy_usage_total": outcome.energy_usage_total,
        "net_usage": outcome.net_usage,
        "net_fee": outcome.net_fee,
        "result": outcome.contract_ret if is_call else "",
        "energy_penalty_total": outcome.energy_penalty,
    }
    logs = [
        {
            "address": address(b"\x41" + log.address, True) if visible else log.address.hex(),
            "topics": [topic.hex() for topic in log.topics],
            "data": log.data.hex(),
        }
        for log in outcome.logs
    ]
    return {
        "id": signed.txid,
        **without_defaults({"fee": outcome.fee, "blockNumber": number, "blockTimeStamp": timestamp}),
        "contractResult": [outcome.contract_result.hex()],
        **without_defaults({"contract_address": address_of_hex(outcome.contract_address, visible)}),
        "receipt": without_defaults(receipt),
        **without_defaults(
            {
                "log": logs,
                "result": "FAILED" if outcome.failed else "",
                "resMessage": text(outcome.message, visible) if outcome.failed else "",
            }
        ),
    }


def permission(value: Permission, visible: bool) -> Json:
    keys = [
        {"address": address_of_hex(key["address"], visible), "weight": key["weight"]} for key in value["keys"]
    ]
    return {**value, "keys": keys}
