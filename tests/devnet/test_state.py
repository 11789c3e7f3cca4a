"""The state remembers every block, and neither tokens nor TRX appear or vanish."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payouts.devnet import chain as chain_module
from payouts.devnet import faucet, reorganisation, snapshot, token
from payouts.devnet.chain import Chain
from payouts.devnet.devnet import Devnet, Options
from payouts.devnet.producers import FAUCET, FAUCET_KEY, address_of, devnet_key, sign
from payouts.devnet.state import PastState, State
from payouts.devnet.transactions import SignedTransaction
from payouts.tron import encoding
from payouts.tron.encoding import RawData, TransferContract

ALL_TRX = 100_000_000_000 * 1_000_000
HOLDERS = [
    address_of(devnet_key(f"holder {number}").public_key.format(compressed=False)) for number in range(4)
]

writes = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 9), max_size=5)


@given(st.lists(writes, min_size=1, max_size=8))
def test_every_block_can_be_read_and_taken_back(blocks: list[dict[str, int]]) -> None:
    state = State()
    past, undo = [dict[str, int]()], []
    for block in blocks:
        state.begin()
        for key, value in block.items():
            state.set(key, value)
        undo.append(state.seal())
        past.append(dict(state.values))
    for number, values in enumerate(past):
        view = PastState(state, undo[number:])
        assert {key: view.get(key) for key in "abcde" if view.get(key) is not None} == values
    for values in reversed(past[:-1]):
        state.revert(undo.pop())
        assert state.values == values


steps = st.lists(
    st.one_of(
        st.tuples(st.just("trx"), st.sampled_from(HOLDERS), st.integers(1, 10**12)),
        st.tuples(st.just("usdt"), st.sampled_from(HOLDERS), st.integers(0, 10**17)),
        st.tuples(st.just("block"), st.just(b""), st.integers(1, 3)),
        st.tuples(st.just("reorg"), st.just(b""), st.integers(1, 18)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_no_sequence_of_payments_and_reorganisations_makes_or_loses_money(
    done: list[tuple[str, bytes, int]],
) -> None:
    devnet = Devnet(Options(port=0, manual_clock=True))
    for kind, address, number in done:
        if kind == "trx":
            faucet.send_trx(devnet, address, number)
        elif kind == "usdt":
            faucet.send_usdt(devnet, address, number)
        elif kind == "block":
            devnet.step_blocks(number)
        else:
            reorganisation.reorganise(devnet.chain, number, now_ms=devnet.clock.now_ms())
            devnet.clock.advance_to(devnet.chain.head.timestamp)
    devnet.step_blocks(1)
    expect_money_to_add_up(devnet.chain)
    again = snapshot.clone(devnet.chain)
    assert again.state.values == devnet.chain.state.values
    assert again.head.id == devnet.chain.head.id


def expect_money_to_add_up(chain: Chain) -> None:
    values = chain.state.values
    assert sum(value for key, value in values.items() if key.startswith("usdt:")) == token.SUPPLY
    fees = sum(item.outcome.fee for block in chain.blocks for item in block.transactions)
    assert sum(value for key, value in values.items() if key.startswith("trx:")) == ALL_TRX - fees
    received: dict[str, int] = {}
    for block in chain.blocks:
        for item in block.transactions:
            for log in item.outcome.logs:
                holder = "41" + log.topics[2][12:].hex()
                received[holder] = received.get(holder, 0) + int.from_bytes(log.data)
    for raw in HOLDERS:
        assert token.balance(chain.state, raw.hex()) == received.get(raw.hex(), 0)


@pytest.mark.parametrize(("blocks_back", "known"), [(0, True), (99, True), (100, False)])
def test_a_reference_reaches_back_one_window(
    monkeypatch: pytest.MonkeyPatch, blocks_back: int, known: bool
) -> None:
    # A window of 100 instead of 65,536 blocks, which a test would have to produce first.
    monkeypatch.setattr(chain_module, "TAPOS_WINDOW", 100)
    chain = Chain.new(1_777_447_168_009, 3_000)
    referred = chain.blocks[chain.head.number - blocks_back]
    ref_block_bytes, ref_block_hash = encoding.ref_block(referred.number, referred.id.hex())
    raw = RawData(ref_block_bytes, ref_block_hash, 0, 0, TransferContract(FAUCET, HOLDERS[0], 1))
    assert chain.knows_ref_block(SignedTransaction.from_raw(raw), chain.head.number) is known


@pytest.mark.parametrize(("life_ms", "included"), [(3_000, True), (2_999, False)])
def test_a_producer_takes_what_lives_until_the_slot_after_its_parent(life_ms: int, included: Any) -> None:
    devnet = Devnet(Options(port=0, manual_clock=True))
    devnet.step_blocks(1)
    txid = faucet.send_trx(devnet, HOLDERS[0], 5)
    pending = devnet.chain.pool.remove(txid)
    assert pending is not None
    raw = replace(pending.transaction.raw, expiration=devnet.chain.head.timestamp + life_ms)
    signature = sign(FAUCET_KEY, bytes.fromhex(encoding.txid(raw.encode())))
    signed = SignedTransaction.from_raw(raw, (signature,))
    devnet.chain.accept(signed, devnet.clock.now_ms())
    devnet.step_blocks(1)
    assert (devnet.chain.lookup(signed.txid) is not None) is included
