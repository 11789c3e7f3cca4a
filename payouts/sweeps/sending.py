"""Handing a sweep's bytes to every node, and again, until its final block is known or they expire."""

from __future__ import annotations

from payouts import chain
from payouts.sweeps import door
from payouts.tron.errors import NodeError


def send_due() -> int:
    """Broadcast what is signed and not yet judged; answers how many transfers went out."""
    rows = door.claim_for_sending(chain.state().head_time_ms)
    for row in rows:
        told = chain.pool().every(
            lambda node, row=row: node.broadcast(bytes(row.signed_transaction or b""), row.txid),  # type: ignore[misc]
            quarantined=True,
        )
        door.note_answers(
            row,
            {
                name: answer.code
                if isinstance(answer, NodeError)
                else f"{answer.outcome} {answer.code}".strip()
                for name, answer in told.items()
            },
        )
    return len(rows)
