"""No request, however malformed, gets anything but an answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from payouts.devnet import control
from payouts.devnet.devnet import Devnet, Options
from payouts.devnet.faults import KINDS
from payouts.devnet.routes import ROUTES
from tests.payouts.tron.vectors import KEYS, VECTORS

DEVNET = Devnet(Options(port=0, manual_clock=True))
NAMES = [
    "address", "owner_address", "to_address", "contract_address", "receiver_address", "value", "num", "id_or_num",
    "detail", "amount", "data", "function_selector", "parameter", "visible", "transaction", "raw_data", "signature",
    "frozen_balance", "resource", "balance", "lock", "lock_period", "type", "fee_limit", "Permission_id", "extra_data",
    "startNum", "endNum",
]  # fmt: skip
PATHS = [(root, name) for root, endpoints in ROUTES.items() for name in endpoints]

texts = st.one_of(
    st.sampled_from(
        ["", "41", KEYS["alice"]["hex"], KEYS["alice"]["base58"], "true", "00" * 32, "transfer()"]
    ),
    st.text(max_size=40),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=5,
)
vectors = st.sampled_from([vector["raw_data"] for vector in VECTORS.values()])
requests = st.fixed_dictionaries(
    {}, optional={name: st.one_of(values, vectors) if name == "raw_data" else values for name in NAMES}
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PATHS), requests)
def test_every_endpoint_answers_every_request(path: tuple[str, str], request: dict[str, Any]) -> None:
    reply = DEVNET.answer(0, *path, request)
    assert reply.status == 200
    json.loads(reply.body)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(PATHS), requests)
def test_every_fault_meets_every_endpoint(kind: str, path: tuple[str, str], request: dict[str, Any]) -> None:
    DEVNET.faults.clear()
    DEVNET.faults.add(kind, "*", None, 1, {})
    assert isinstance(DEVNET.answer(0, *path, request).body, bytes)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        ["fund", "stake", "token", "parameters", "permissions", "reorg", "result", "lag", "fork"]
    ),
    st.dictionaries(
        st.sampled_from(
            [*NAMES, "blocks", "node", "txid", "result", "return", "owner", "actives", "usdt", "trx_sun"]
        ),
        values,
        max_size=5,
    ),
)
def test_every_control_request_is_done_or_refused(name: str, request: dict[str, Any]) -> None:
    devnet = Devnet(Options(port=0, manual_clock=True))
    assert control.answer(devnet, "POST", name, request).status in (200, 400)
