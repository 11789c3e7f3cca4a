"""What each fault makes of a call: the reply that leaves the node instead of the true one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from payouts.devnet import api_transactions, broadcast, render, requests, vm
from payouts.devnet.faults import Fault
from payouts.devnet.node import View
from payouts.devnet.producers import FAUCET
from payouts.devnet.requests import Request
from payouts.devnet.transactions import Outcome, SignedTransaction
from payouts.tron import addresses, encoding
from payouts.tron.encoding import DecodeError, TransferContract, TriggerSmartContract

JSON_TYPE: Final = "application/json"
BROADCASTS: Final = ("broadcasttransaction", "broadcasthex")
_LIE: Final = "ab" * 32


class Manner(Enum):
    """How a reply goes over the wire."""

    WHOLE = "whole"
    CUT = "cut"
    HANG = "hang"
    DRIP = "drip"
    RAW = "raw"


@dataclass(frozen=True)
class Reply:
    """An answer on its way out. `seconds`: how long to hang or wait; `rate`: bytes a second that drip."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    manner: Manner = Manner.WHOLE
    seconds: float = 0
    rate: float = 0

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        return cls(json.dumps(value, separators=(",", ":")).encode(), status)


@dataclass(frozen=True)
class Call:
    """The call that meets a fault."""

    endpoint: str
    view: View
    request: Request
    run: Callable[..., Any]
    find: Callable[[str], SignedTransaction | None]

    def answer(self) -> Any:
        return self.run(self.view, self.request)


def misbehave(fault: Fault, call: Call) -> Reply:
    """The reply, after doing what was asked if the fault says so."""
    if fault.kind in _INSTEAD:
        if fault["processed"]:
            call.answer()
        return _INSTEAD[fault.kind](fault, call)
    return _ALTERING[fault.kind](fault, call)


def _cut(fault: Fault, call: Call) -> Reply:
    return Reply(manner=Manner.CUT)


def _hang(fault: Fault, call: Call) -> Reply:
    return Reply(manner=Manner.HANG, seconds=float(fault["seconds"] or 3600))


def _garbage(fault: Fault, call: Call) -> Reply:
    return Reply(b"\x00\xff\x16\x03not http at all\r\n\r\n", manner=Manner.RAW)


def _status(fault: Fault, call: Call) -> Reply:
    status = int(fault["status"] or 503)
    body = str(fault["body"] or "upstream is away").encode()
    return Reply(body, status, "text/plain", fault["headers"] or {})


def _text(fault: Fault, call: Call) -> Reply:
    text = str(fault["text"] or "this API is closed because this node is a lite fullnode")
    return Reply(text.encode(), content_type="text/plain")


def _error(fault: Fault, call: Call) -> Reply:
    return Reply.of(
        {"Error": fault["message"] or "class java.lang.IllegalAccessException : lack of computing resources"}
    )


def _code(fault: Fault, call: Call) -> Reply:
    by_hex = call.endpoint.endswith("broadcasthex")
    signed = api_transactions.from_hex(call.request) if by_hex else api_transactions.from_json(call.request)
    write = api_transactions.hex_answer if by_hex else api_transactions.transaction_answer
    answer = broadcast.answer(str(fault["code"] or "OTHER_ERROR"))
    if fault["message"] is not None:
        answer = replace(answer, message=str(fault["message"]))
    return Reply.of(write(answer, signed, requests.visible(call.request)))


def _truncate(fault: Fault, call: Call) -> Reply:
    body = Reply.of(call.answer()).body
    return Reply(body[: max(1, len(body) // 2)])


def _delay(fault: Fault, call: Call) -> Reply:
    return replace(Reply.of(call.answer()), seconds=float(fault["seconds"] or 1))


def _drip(fault: Fault, call: Call) -> Reply:
    rate = float(fault["bytes_per_second"] or 20)
    return replace(Reply.of(call.answer()), manner=Manner.DRIP, rate=rate)


def _hold(fault: Fault, call: Call) -> Reply:
    if not call.endpoint.endswith(BROADCASTS):
        return Reply.of(call.answer())
    return Reply.of(call.run(call.view, call.request, hold=True))


def _stale(fault: Fault, call: Call) -> Reply:
    node = replace(call.view.node, lag=call.view.node.lag + int(fault["blocks"] or 20))
    return Reply.of(call.run(replace(call.view, node=node), call.request))


def _wrong_txid(fault: Fault, call: Call) -> Reply:
    lie = str(fault["txid"] or _LIE)

    def falsify(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: lie if name in ("txid", "txID", "id") else falsify(inner)
                for name, inner in value.items()
            }
        return [falsify(inner) for inner in value] if isinstance(value, list) else value

    return Reply.of(falsify(call.answer()))


def _patch(fault: Fault, call: Call) -> Reply:
    return Reply.of(_merged(call.answer(), fault["patch"] or {}))


def _merged(value: Any, patch: Any) -> Any:
    if isinstance(value, dict) and isinstance(patch, dict):
        return {**value, **{name: _merged(value.get(name), inner) for name, inner in patch.items()}}
    return patch


def _alter_transaction(fault: Fault, call: Call) -> Reply:
    return Reply.of(_altered(call.answer(), fault))


def _altered(value: Any, fault: Fault) -> Any:
    """Every transaction inside an answer, paying somebody else; ids and bytes agree with the lie."""
    if isinstance(value, list):
        return [_altered(inner, fault) for inner in value]
    if not isinstance(value, dict):
        return value
    if "raw_data" not in value or "txID" not in value:
        return {name: _altered(inner, fault) for name, inner in value.items()}
    visible = bool(value.get("visible", False))
    try:
        raw = encoding.raw_data_from_json(value["raw_data"], visible=visible)
    except DecodeError:
        return value
    recipient = addresses.decode(fault["to"]) if fault["to"] else FAUCET
    contract = raw.contract
    if isinstance(contract, TransferContract):
        amount = contract.amount if fault["amount"] is None else int(fault["amount"])
        contract = replace(contract, to_address=recipient, amount=amount)
    elif isinstance(contract, TriggerSmartContract):
        amount = int.from_bytes(contract.data[36:68]) if fault["amount"] is None else int(fault["amount"])
        data = encoding.TRANSFER_SELECTOR + addresses.to_topic(recipient) + amount.to_bytes(32)
        contract = replace(contract, data=data)
    altered = SignedTransaction.from_raw(replace(raw, contract=contract))
    return {**value, **render.transaction(altered, visible)}


def _forge_success(fault: Fault, call: Call) -> Reply:
    """What the transaction's success would look like, whether or not any block holds it."""
    signed = call.find(str(call.request.get("value", "")))
    if signed is None:
        return Reply.of(call.answer())
    visible = requests.visible(call.request)
    outcome = _imagined(call.view, signed)
    if call.endpoint.endswith("gettransactionbyid"):
        return Reply.of(render.transaction_with_result(signed, outcome, visible))
    number = int(fault["block_number"] or call.view.node.solid.number)
    block = call.view.node.chain.blocks[number]
    return Reply.of(render.info_of(signed, outcome, number, block.timestamp, visible))


def _forge_revert(fault: Fault, call: Call) -> Reply:
    """Outcomes, transactions and blocks as they are, but nothing that paid is said to have paid."""
    return Reply.of(_reverted(call.answer()))


def _reverted(value: Any) -> Any:
    if isinstance(value, list):
        return [_reverted(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("contractRet") == vm.SUCCESS:
        return {**value, "contractRet": vm.REVERT}
    if value.get("receipt", {}).get("result") == vm.SUCCESS:
        honest = {name: inner for name, inner in value.items() if name != "log"}
        return {**honest, "receipt": {**value["receipt"], "result": vm.REVERT}, "result": "FAILED"}
    return {name: _reverted(inner) for name, inner in value.items()}


def _imagined(view: View, signed: SignedTransaction) -> Outcome:
    contract = signed.raw.contract
    if not isinstance(contract, TriggerSmartContract):
        return Outcome(vm.SUCCESS, fee=265_000, net_fee=265_000)
    run = vm.run(view.node.chain.state, signed.owner, contract.data, vm.CONSTANT_CALL_ENERGY)
    return Outcome(
        vm.SUCCESS,
        fee=run.energy * 100,
        net_usage=345,
        energy_fee=run.energy * 100,
        energy_usage_total=run.energy,
        energy_penalty=run.penalty,
        contract_result=bytes(32),
        contract_address=contract.contract_address.hex(),
        logs=run.logs,
    )


_Handler = Callable[[Fault, Call], Reply]
_INSTEAD: Final[dict[str, _Handler]] = {
    "cut": _cut,
    "hang": _hang,
    "garbage": _garbage,
    "status": _status,
    "text": _text,
    "error": _error,
    "empty": lambda fault, call: Reply.of({}),
    "result_false": lambda fault, call: Reply.of({"result": False}),
    "answer": lambda fault, call: Reply.of(fault["answer"]),
    "code": _code,
}
_ALTERING: Final[dict[str, _Handler]] = {
    "truncate": _truncate,
    "delay": _delay,
    "drip": _drip,
    "hold": _hold,
    "stale": _stale,
    "wrong_txid": _wrong_txid,
    "patch": _patch,
    "alter_transaction": _alter_transaction,
    "forge_success": _forge_success,
    "forge_revert": _forge_revert,
}
