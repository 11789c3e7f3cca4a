"""Whatever a node sends, parsing it ends in a checked value or a `NodeError`, never in another exception."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.tron import answers, contract_calls
from payouts.tron.broadcast import BroadcastAnswer, Outcome, parse_broadcast
from payouts.tron.encoding import TRANSFER_TOPIC
from payouts.tron.errors import NodeError
from tests.payouts.tron.intents import ALICE, NOW_MS, intent
from tests.payouts.tron.scripted_node import CONTRACT, block_json
from tests.payouts.tron.vectors import KEYS

SENT = intent()
TXID = SENT.txid
TOPIC = TRANSFER_TOPIC.hex()


def topic(name: str) -> str:
    return "00" * 12 + KEYS[name]["hex"][2:]


TRANSACTION = {
    "txID": TXID,
    "raw_data_hex": SENT.raw_data.hex(),
    "signature": ["00" * 65],
    "ret": [{"contractRet": "SUCCESS"}],
}
INFO = {
    "id": TXID,
    "fee": 345_000,
    "blockNumber": 1000,
    "blockTimeStamp": NOW_MS,
    "contract_address": "41" * 21,
    "receipt": {"energy_usage_total": 64_285, "net_fee": 345_000, "result": "SUCCESS"},
    "log": [
        {"address": "41" * 20, "topics": [TOPIC, topic("payer"), topic("alice")], "data": "00" * 31 + "05"}
    ],
}
CALL = {
    "result": {"result": True},
    "energy_used": 64_285,
    "constant_result": ["00" * 31 + "01"],
    "transaction": {"ret": [{}]},
}
PARAMETERS = {
    "chainParameter": [
        {"key": "getEnergyFee", "value": 100},
        {"key": "getTransactionFee", "value": 1000},
        {"key": "getMaxFeeLimit", "value": 15_000_000_000},
    ]
}
PARSERS: dict[str, tuple[Callable[[Any], object], Any]] = {
    "header": (answers.parse_header, block_json(1000, NOW_MS)),
    "block": (answers.parse_block, block_json(1000, NOW_MS, [TRANSACTION])),
    "transaction": (lambda value: answers.parse_transaction(value, TXID), TRANSACTION),
    "info": (lambda value: answers.parse_info(value, TXID), INFO),
    "infos": (lambda value: answers.parse_infos(value, 1000), [INFO]),
    "resources": (answers.parse_resources, {"freeNetLimit": 600, "freeNetUsed": 5}),
    "parameters": (answers.parse_chain_parameters, PARAMETERS),
    "balance": (answers.parse_balance, {"balance": 5}),
    "simulation": (contract_calls.parse_simulation, CALL),
    "number": (lambda value: contract_calls.parse_number(value, high=1), CALL),
    "broadcast": (lambda value: parse_broadcast(value, TXID), {"result": True, "txid": TXID}),
}

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=70)
    | st.sampled_from(["", "00", TXID, "41" * 21, "SUCCESS", "FAILED", 2**63, -1, 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside a JSON value."""
    children: Any = ()
    if isinstance(value, dict | list):
        children = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    result = copy.copy(value)
    result[path[0]] = replaced(value[path[0]], path[1:], by)
    return result


@pytest.mark.parametrize("name", PARSERS)
def test_the_sample_itself_is_accepted(name: str) -> None:
    parse, sample = PARSERS[name]
    assert parse(sample) is not None


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
def test_one_value_replaced_by_junk(name: str, data: st.DataObject) -> None:
    parse, sample = PARSERS[name]
    answer = replaced(sample, data.draw(st.sampled_from(places(sample))), data.draw(junk))
    with contextlib.suppress(NodeError):
        parse(answer)


@given(answer=st.dictionaries(st.sampled_from(["result", "txid", "code", "message"]), junk))
def test_no_junk_is_an_accepted_broadcast(answer: dict[str, Any]) -> None:
    try:
        judged = parse_broadcast(answer, TXID)
    except NodeError:
        return
    assert isinstance(judged, BroadcastAnswer)
    is_clean_yes = answer.get("result") is True and str(answer.get("txid")).lower() == TXID
    assert (judged.outcome is Outcome.ACCEPTED) == is_clean_yes


def test_the_sample_transfer_is_read_right() -> None:
    info = answers.parse_info(INFO, TXID)
    assert info is not None
    (log,) = info.transfers
    assert log.recipient.hex() == KEYS["alice"]["hex"]
    assert log.amount == 5
    assert SENT.recipient == ALICE
    assert SENT.contract == CONTRACT
