"""java-tron's JSON form of raw_data, both ways.

Its rules: bytes are hexadecimal; with `visible` addresses are base58check and memos UTF-8 text; a field at
its default value is left out; names are the protobuf ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from payouts.tron import addresses
from payouts.tron.encoding.messages import (
    CONTRACTS,
    TYPE_URL_PREFIX,
    AnyContract,
    DelegateResource,
    FreezeBalanceV2,
    RawData,
    Resource,
    TransferContract,
    TriggerSmartContract,
)
from payouts.tron.encoding.wire import DecodeError

_BY_NAME: Final = {contract.NAME: contract for contract in CONTRACTS}


def raw_data_to_json(raw: RawData, *, visible: bool = False) -> dict[str, Any]:
    """The `raw_data` object of java-tron's answers."""
    contract: dict[str, Any] = {
        "parameter": {
            "value": _contract_to_json(raw.contract, visible),
            "type_url": TYPE_URL_PREFIX + raw.contract.NAME,
        },
        "type": raw.contract.NAME,
    }
    if raw.permission_id:
        contract["Permission_id"] = raw.permission_id
    optional = {
        "fee_limit": raw.fee_limit,
        "timestamp": raw.timestamp,
        "data": _memo(raw.data, visible),
    }
    return {
        "contract": [contract],
        "ref_block_bytes": raw.ref_block_bytes.hex(),
        "ref_block_hash": raw.ref_block_hash.hex(),
        "expiration": raw.expiration,
        **{name: value for name, value in optional.items() if value},
    }


def raw_data_from_json(value: Mapping[str, Any], *, visible: bool = False) -> RawData:
    """The reverse, for nodes that rebuild the bytes. Raises `DecodeError` for what can't be read."""
    try:
        (contract,) = value["contract"]
        memo = value.get("data", "")
        return RawData(
            ref_block_bytes=bytes.fromhex(value.get("ref_block_bytes", "")),
            ref_block_hash=bytes.fromhex(value.get("ref_block_hash", "")),
            expiration=int(value.get("expiration", 0)),
            timestamp=int(value.get("timestamp", 0)),
            fee_limit=int(value.get("fee_limit", 0)),
            data=memo.encode() if visible else bytes.fromhex(memo),
            contract=_contract_from_json(contract["type"], contract["parameter"]["value"], visible),
            permission_id=int(contract.get("Permission_id", 0)),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DecodeError(f"raw_data can't be read: {error!r}") from error


def _contract_to_json(contract: AnyContract, visible: bool) -> dict[str, Any]:
    def address(raw: bytes) -> str:
        return addresses.encode(raw) if visible else raw.hex()

    fields: dict[str, Any]
    match contract:
        case TransferContract():
            fields = {"to_address": address(contract.to_address), "amount": contract.amount}
        case TriggerSmartContract():
            fields = {
                "contract_address": address(contract.contract_address),
                "call_value": contract.call_value,
                "data": contract.data.hex(),
                "call_token_value": contract.call_token_value,
                "token_id": contract.token_id,
            }
        case FreezeBalanceV2():
            fields = {
                "frozen_balance": contract.frozen_balance,
                "resource": _resource_name(contract.resource),
            }
        case DelegateResource():
            fields = {
                "receiver_address": address(contract.receiver_address),
                "balance": contract.balance,
                "resource": _resource_name(contract.resource),
                "lock": contract.lock,
                "lock_period": contract.lock_period,
            }
    fields = {name: value for name, value in fields.items() if value}
    return {"owner_address": address(contract.owner_address), **fields}


def _contract_from_json(kind: str, value: Mapping[str, Any], visible: bool) -> AnyContract:
    def address(name: str) -> bytes:
        text = value.get(name, "")
        return addresses.decode(text) if visible else bytes.fromhex(text)

    contract = _BY_NAME[kind]
    owner = address("owner_address")
    if contract is TransferContract:
        return TransferContract(owner, address("to_address"), int(value.get("amount", 0)))
    if contract is TriggerSmartContract:
        return TriggerSmartContract(
            owner_address=owner,
            contract_address=address("contract_address"),
            call_value=int(value.get("call_value", 0)),
            data=bytes.fromhex(value.get("data", "")),
            call_token_value=int(value.get("call_token_value", 0)),
            token_id=int(value.get("token_id", 0)),
        )
    resource = Resource[value.get("resource", "BANDWIDTH")]
    if contract is FreezeBalanceV2:
        return FreezeBalanceV2(owner, int(value.get("frozen_balance", 0)), resource)
    return DelegateResource(
        owner_address=owner,
        receiver_address=address("receiver_address"),
        balance=int(value.get("balance", 0)),
        resource=resource,
        lock=bool(value.get("lock", False)),
        lock_period=int(value.get("lock_period", 0)),
    )


def _resource_name(resource: Resource) -> str:
    return resource.name if resource else ""


def _memo(data: bytes, visible: bool) -> str:
    return data.decode("utf-8", "replace") if visible else data.hex()
