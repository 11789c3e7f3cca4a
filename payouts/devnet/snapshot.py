"""A devnet's memory as one JSON file: blocks, balances, results, pending transactions and the clock."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from payouts.devnet.blocks import GENESIS_PARENT, Block
from payouts.devnet.chain import Chain
from payouts.devnet.clock import VirtualClock, real_ms
from payouts.devnet.mempool import Pending
from payouts.devnet.state import State
from payouts.devnet.transactions import Included, Log, Outcome, SignedTransaction

FORMAT: Final = 1


class SnapshotUnreadable(ValueError):
    """The file isn't a snapshot of this format."""


def document(chain: Chain, clock: VirtualClock) -> str:
    """The file's content; the devnet's lock must be held."""
    content = {
        "format": FORMAT,
        "clock": {"now_ms": clock.now_ms(), "offset_ms": clock.offset_ms, "manual": clock.manual},
        "chain": _chain_to_json(chain),
    }
    return json.dumps(content, separators=(",", ":"))


def write(path: Path, content: str) -> None:
    """Write atomically: a reader, or a crash, finds the old file or the new one whole. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(path: Path, *, manual: bool) -> tuple[Chain, VirtualClock]:
    """Chain and clock as saved. A live clock keeps its distance from real time, so a stop leaves a gap of
    blocks.

    Raises `SnapshotUnreadable`.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != FORMAT:
            raise SnapshotUnreadable(f"{path} has format {content['format']}, not {FORMAT}")
        chain = _chain_from_json(content["chain"])
        saved = content["clock"]
        now = saved["now_ms"] if saved["manual"] else real_ms() + saved["offset_ms"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise SnapshotUnreadable(f"{path} isn't a devnet snapshot: {error!r}") from error
    return chain, VirtualClock(manual=manual, now_ms=max(now, chain.head.timestamp))


def clone(chain: Chain) -> Chain:
    """A chain of its own that is equal so far."""
    return _chain_from_json(json.loads(json.dumps(_chain_to_json(chain))))


def _chain_to_json(chain: Chain) -> dict[str, Any]:
    with chain.without_pool():
        values = dict(chain.state.values)
    return {
        "slot_ms": chain.slot_ms,
        "solid": chain.solid,
        "stalled": chain.stalled,
        "branch": chain.branch,
        "forced": chain.forced,
        "state": values,
        "undo": {str(number): undo for number, undo in chain.undo.items()},
        "blocks": [
            [
                block.timestamp,
                block.branch,
                [
                    [item.transaction.encoded.hex(), _outcome_to_json(item.outcome)]
                    for item in block.transactions
                ],
            ]
            for block in chain.blocks
        ],
        "pool": [
            [pending.transaction.encoded.hex(), pending.received_ms, pending.held_by, pending.not_before]
            for pending in chain.pool.all()
        ],
    }


def _chain_from_json(document: dict[str, Any]) -> Chain:
    chain = Chain(document["slot_ms"])
    chain.stalled, chain.branch = document["stalled"], document["branch"]
    chain.forced = document["forced"]
    chain.state = State(document["state"])
    chain.state.begin()
    parent_id = GENESIS_PARENT
    for number, (timestamp, branch, items) in enumerate(document["blocks"]):
        included = [
            Included(SignedTransaction.from_bytes(bytes.fromhex(encoded)), _outcome_from_json(outcome))
            for encoded, outcome in items
        ]
        block = Block(number, timestamp, parent_id, branch, included)
        chain.restore(block)
        parent_id = block.id
    chain.solid = document["solid"]
    chain.undo = {int(number): undo for number, undo in document["undo"].items()}
    for encoded, received_ms, held_by, not_before in document["pool"]:
        transaction = SignedTransaction.from_bytes(bytes.fromhex(encoded))
        chain.pool.add(Pending(transaction, received_ms, Outcome("SUCCESS"), held_by, not_before))
    with chain.without_pool():
        pass  # leaving it executes the pool on the restored state
    return chain


def _outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    fields = asdict(outcome)
    fields["contract_result"] = outcome.contract_result.hex()
    fields["logs"] = [
        [log.address.hex(), [topic.hex() for topic in log.topics], log.data.hex()] for log in outcome.logs
    ]
    return {name: value for name, value in fields.items() if value}


def _outcome_from_json(fields: dict[str, Any]) -> Outcome:
    logs = tuple(
        Log(
            bytes.fromhex(address),
            tuple(bytes.fromhex(topic) for topic in topics),
            bytes.fromhex(data),
        )
        for address, topics, data in fields.get("logs", [])
    )
    result = bytes.fromhex(fields.get("contract_result", ""))
    return Outcome(**{**fields, "contract_result": result, "logs": logs})
