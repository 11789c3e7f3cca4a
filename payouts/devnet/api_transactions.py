"""Building, weighing and broadcasting transactions."""

from __future__ import annotations

import json
from typing import Any, Final

from payouts.devnet import accounts, broadcast, building, execution, render, requests, signatures, token
from payouts.devnet.accounts import ValidationError
from payouts.devnet.api_contracts import call_data, failure
from payouts.devnet.broadcast import Answer
from payouts.devnet.node import View
from payouts.devnet.render import Json
from payouts.devnet.requests import ApiError, Request
from payouts.devnet.signatures import SignatureError
from payouts.devnet.transactions import SignedTransaction
from payouts.tron import encoding
from payouts.tron.encoding import (
    DecodeError,
    DelegateResource,
    FreezeBalanceV2,
    Resource,
    TransferContract,
)
from payouts.tron.encoding.messages import AnyContract


def create_transaction(view: View, request: Request) -> Json:
    transfer = TransferContract(
        requests.address(request, "owner_address"),
        requests.address(request, "to_address"),
        requests.integer(request, "amount"),
    )
    return _unsigned(view, request, transfer)


def freeze_balance_v2(view: View, request: Request) -> Json:
    owner = requests.address(request, "owner_address")
    freeze = FreezeBalanceV2(owner, requests.integer(request, "frozen_balance"), _resource(request))
    return _unsigned(view, request, freeze)


def delegate_resource(view: View, request: Request) -> Json:
    delegate = DelegateResource(
        owner_address=requests.address(request, "owner_address"),
        receiver_address=requests.address(request, "receiver_address"),
        balance=requests.integer(request, "balance"),
        resource=_resource(request),
        lock=bool(request.get("lock", False)),
        lock_period=requests.integer(request, "lock_period"),
    )
    return _unsigned(view, request, delegate)


def _unsigned(view: View, request: Request, contract: AnyContract) -> Json:
    try:
        execution.validate(view.state, contract, view.top.timestamp)
    except ValidationError as error:
        raise ApiError("org.tron.core.exception.ContractValidateException", str(error)) from None
    memo = str(request.get("extra_data") or "")
    visible = requests.visible(request)
    built = building.build(
        view,
        contract,
        permission_id=requests.integer(request, "Permission_id"),
        memo=memo.encode() if visible else requests.octets(request, "extra_data"),
    )
    return {"visible": visible, **render.transaction(built, visible)}


def trigger_smart_contract(view: View, request: Request) -> Json:
    """An unsigned call; nothing is executed."""
    visible = requests.visible(request)
    contract = requests.address(request, "contract_address")
    if contract != token.contract(view.state):
        return failure("CONTRACT_VALIDATE_ERROR", "No contract or not a valid smart contract", visible)
    built = building.contract_call(
        view,
        requests.address(request, "owner_address"),
        contract,
        call_data(request),
        fee_limit=requests.integer(request, "fee_limit"),
        permission_id=requests.integer(request, "Permission_id"),
    )
    return {
        "result": {"result": True},
        "transaction": {"visible": visible, **render.transaction(built, visible)},
    }


def broadcast_transaction(view: View, request: Request, *, hold: bool = False) -> Json:
    """The bytes are rebuilt from `raw_data`; `txID` and `raw_data_hex` of the request count for nothing."""
    signed, visible = from_json(request), requests.visible(request)
    answer = broadcast.broadcast(view, signed, hold=hold)
    return transaction_answer(answer, signed, visible)


def transaction_answer(answer: Answer, signed: SignedTransaction, visible: bool) -> Json:
    """`broadcasttransaction`'s form: the message is hexadecimal unless `visible`."""
    if answer.accepted:
        return {"result": True, "txid": signed.txid}
    return {"code": answer.code, "txid": signed.txid, "message": render.text(answer.message, visible)}


def broadcast_hex(view: View, request: Request, *, hold: bool = False) -> Json:
    """The whole transaction as bytes; the answer's message is plain text here."""
    signed = from_hex(request)
    return hex_answer(broadcast.broadcast(view, signed, hold=hold), signed, requests.visible(request))


def hex_answer(answer: Answer, signed: SignedTransaction, visible: bool) -> Json:
    """`broadcasthex`'s form."""
    return {
        "result": answer.accepted,
        "code": answer.code,
        "message": answer.message,
        "transaction": json.dumps({"visible": visible, **render.transaction(signed, visible)}),
        "txid": signed.txid,
    }


def from_json(request: Request) -> SignedTransaction:
    """The transaction of a JSON request. Raises `ApiError` for what java-tron can't read."""
    if not isinstance(request.get("raw_data"), dict):
        raise ApiError("java.lang.NullPointerException", "null")
    try:
        raw = encoding.raw_data_from_json(request["raw_data"], visible=requests.visible(request))
        given = request.get("signature") or []
        return SignedTransaction.from_raw(raw, tuple(bytes.fromhex(signature) for signature in given))
    except (DecodeError, TypeError, ValueError) as error:
        raise ApiError("java.lang.IllegalArgumentException", str(error)) from None


def from_hex(request: Request) -> SignedTransaction:
    """The transaction of a `broadcasthex` request. Raises `ApiError`."""
    try:
        return SignedTransaction.from_bytes(requests.octets(request, "transaction"))
    except DecodeError as error:
        raise ApiError("com.google.protobuf.InvalidProtocolBufferException", str(error)) from None


def get_sign_weight(view: View, request: Request) -> Json:
    """Which permission the transaction needs, and how far the signatures carry."""
    signed, visible = from_json(request), requests.visible(request)
    answer: Json = {"transaction": _echo(signed, visible)}
    try:
        if not accounts.is_activated(view.state, signed.owner):
            raise SignatureError("Account does not exist!")
        permission = signatures.required_permission(view.state, signed)
        answer["permission"] = render.permission(permission, visible)
        reached = 0
        if signed.signatures:
            reached = signatures.weight(permission, signed.txid, signed.signatures)
            answer["approved_list"] = _approved(signed, visible)
            answer["current_weight"] = reached
        enough = reached >= permission["threshold"]
        answer["result"] = {} if enough else {"code": "NOT_ENOUGH_PERMISSION"}
    except SignatureError as error:
        answer["result"] = {"code": error.code, "message": str(error)}
    return answer


def get_approved_list(view: View, request: Request) -> Json:
    """Who has signed; one bad signature fails the whole."""
    signed, visible = from_json(request), requests.visible(request)
    try:
        approved = _approved(signed, visible)
    except SignatureError as error:
        return {"result": {"code": error.code, "message": str(error)}}
    return {
        "result": {},
        **render.without_defaults({"approved_list": approved}),
        "transaction": _echo(signed, visible),
    }


def _approved(signed: SignedTransaction, visible: bool) -> list[str]:
    signers = (signatures.recover(signed.txid, signature) for signature in signed.signatures)
    return [render.address_of_hex(signer, visible) for signer in signers]


def _echo(signed: SignedTransaction, visible: bool) -> Json:
    return {
        "result": {"result": True},
        "txid": signed.txid,
        "transaction": {"visible": visible, **render.transaction(signed, visible)},
    }


def _resource(request: Request) -> Resource:
    name: Any = request.get("resource", "BANDWIDTH")
    try:
        return Resource[name]
    except KeyError:
        raise ApiError("java.lang.IllegalArgumentException", f"no resource {name}") from None


WRITING: Final = {
    "createtransaction": create_transaction,
    "freezebalancev2": freeze_balance_v2,
    "delegateresource": delegate_resource,
    "triggersmartcontract": trigger_smart_contract,
    "broadcasttransaction": broadcast_transaction,
    "broadcasthex": broadcast_hex,
    "getsignweight": get_sign_weight,
    "getapprovedlist": get_approved_list,
}
