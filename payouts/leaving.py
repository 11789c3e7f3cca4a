"""What left the treasury in a range of final blocks and isn't in our books, by the word of two operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from payouts import chain, recovery, treasury_keys
from payouts.models.cases import ChainSearch, Conclusion
from payouts.tron import addresses, evidence
from payouts.tron.answers import Block, TransactionInfo
from payouts.tron.encoding import DecodeError, TransferContract, TriggerSmartContract, decode_raw_data
from payouts.tron.errors import NodeError
from payouts.tron.evidence import Leaving
from payouts.tron.node import Node

Told = tuple[list[Leaving], int]


def search(asked: ChainSearch) -> tuple[Conclusion, str, list[dict[str, Any]], dict[str, Any]]:
    """Read the blocks at the nodes named; what follows, in words, each node's words, and what they agree on."""
    held = treasury_keys.held()

    def ask(node: Node) -> Told | None:
        return _read(node, asked, held) if node.name in asked.nodes else None

    told = {name: said for name, said in chain.pool().every(ask).items() if said is not None}
    seen = {name: said for name, said in told.items() if not isinstance(said, NodeError)}
    ours = recovery.ours({leaving.txid for leavings, _ in seen.values() for leaving in leavings})
    strange = {
        name: [leaving for leaving in leavings if leaving.txid not in ours]
        for name, (leavings, _) in seen.items()
    }
    pool = chain.pool()
    agreed, why = evidence.agreed_leavings(
        [(pool[name].operator, leavings) for name, leavings in strange.items()],
        required=chain.required_operators(),
    )
    words = [
        {
            "node": name,
            "operator": pool[name].operator,
            "error": f"{said.code}: {said}"[:200] if isinstance(said, NodeError) else "",
            "unknown": [leaving.txid for leaving in strange.get(name, [])],
            "balance": None if isinstance(said, NodeError) else said[1],
        }
        for name, said in told.items()
    ]
    facts = {
        "unknown": [asdict(leaving) for leaving in agreed],
        "lowest_balance": min((balance for _, balance in seen.values()), default=0),
    }
    if why:
        enough = len(seen) >= chain.required_operators()
        return Conclusion.CONTRADICTION if enough else Conclusion.UNANSWERED, why, words, facts
    if not agreed:
        sentence = (
            f"Nothing that isn't ours left the treasury in blocks {asked.first_block} to {asked.last_block}."
        )
        return Conclusion.NOTHING_FOUND, sentence, words, facts
    one = len(agreed) == 1
    sentence = (
        f"{'One transaction' if one else f'{len(agreed)} transactions'} took value out of the treasury in blocks"
        f" {asked.first_block} to {asked.last_block} and {'is' if one else 'are'}n't in our books."
    )
    return Conclusion.UNKNOWN_FOUND, sentence, words, facts


def _read(node: Node, asked: ChainSearch, held: Sequence[str]) -> Told:
    """What left the treasury in these blocks by this node, and what it says the treasury holds (base units)."""
    leavings: list[Leaving] = []
    parent = ""
    for number in range(asked.first_block, (asked.last_block or asked.first_block) + 1):
        block = node.block(number, solid=True)
        if block is None:
            raise NodeError("NOT_FINAL", f"Block {number} isn't final yet.", node.name)
        if parent and block.header.parent_id != parent:
            raise NodeError("NOT_LINKED", f"Block {number} doesn't follow the one before it.", node.name)
        parent = block.header.block_id
        if block.transactions:
            infos = {info.txid: info for info in node.block_infos(number, solid=True)}
            leavings += _of_block(block, infos, frozenset(map(addresses.decode, held)))
    return leavings, sum(node.usdt_balance(address) for address in held)


def _of_block(block: Block, infos: dict[str, TransactionInfo], treasury: frozenset[bytes]) -> list[Leaving]:
    usdt = addresses.decode(chain.network().usdt_contract)
    found = []
    for transaction in block.transactions:
        signed, trx = _by_treasury(transaction.raw_data, treasury)
        info = infos.get(transaction.txid)
        moved = [
            (to, amount)
            for own in sorted(treasury)
            for to, amount in (evidence.moved_by(info, own, usdt) if info is not None else [])
            if to not in treasury
        ]
        if not signed and not moved:
            continue
        succeeded = transaction.contract_ret in ("", "SUCCESS")
        found.append(
            Leaving(
                txid=transaction.txid,
                block_number=block.header.number,
                block_id=block.header.block_id,
                result=transaction.contract_ret,
                moved=tuple((addresses.encode(to), amount) for to, amount in moved),
                trx=trx if succeeded else 0,
                # Whoever signs pays the fee: a stranger's transferFrom costs the treasury none.
                fee=info.fee_sun if info is not None and signed else 0,
            )
        )
    return found


def _by_treasury(raw_data: bytes | None, treasury: frozenset[bytes]) -> tuple[bool, int]:
    """Whether the treasury's key signed it, and how much TRX (sun) it sends."""
    if raw_data is None:
        return False, 0
    try:
        contract = decode_raw_data(raw_data).contract
    except DecodeError:
        return False, 0
    if (
        not isinstance(contract, TransferContract | TriggerSmartContract)
        or contract.owner_address not in treasury
    ):
        return False, 0
    sent = isinstance(contract, TransferContract) and contract.to_address not in treasury
    return True, contract.amount if sent and isinstance(contract, TransferContract) else 0
