"""Handing signed bytes to every node, and again, until they are seen in a block or expire.

What the nodes answer is written down and decides nothing: no answer frees a payout for a new attempt.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from lucid_payments import clock, seam
from payouts import chain
from payouts.manager import PayoutManager
from payouts.models.attempt import Attempt, AttemptState, NodeAnswer
from payouts.sweeps import sending as sweeps
from payouts.tron.broadcast import BroadcastAnswer, Outcome, answer_from_error
from payouts.tron.errors import NodeError
from routers import killswitch

# Small enough that a pulled kill switch stops broadcasts within a second, large enough to keep the nodes busy.
CHUNK = 16
SOON = timedelta(seconds=3)


def send_due() -> int:
    """Broadcast what is signed and not yet seen, sweeps first; answers how many transactions went out."""
    chain.start_round()
    sent = sweeps.send_due()
    while chunk := PayoutManager.claim_for_sending(CHUNK, chain.state().head_time_ms):
        _broadcast(chunk)
        sent += len(chunk)
    return sent


def _broadcast(attempts: list[Attempt]) -> None:
    """The same bytes to every node; a liar may have them, too."""
    stopped = killswitch.stopped_routers()
    attempts = [attempt for attempt in attempts if attempt.payout.router_type not in stopped]
    if not attempts:
        return
    pool = chain.pool()
    with ThreadPoolExecutor(len(attempts), thread_name_prefix="send") as threads:
        told = list(
            threads.map(
                lambda attempt: pool.every(
                    lambda node: node.broadcast(bytes(attempt.signed_transaction or b""), attempt.txid),
                    quarantined=True,
                ),
                attempts,
            )
        )
    untaken = []
    rows = []
    for attempt, answers in zip(attempts, told, strict=True):
        judged = {name: _judged(answer) for name, answer in answers.items()}
        rows += [_row(attempt, name, answer) for name, answer in judged.items()]
        if not any(answer.outcome in (Outcome.ACCEPTED, Outcome.DUPLICATE) for answer in judged.values()):
            untaken.append(attempt.pk)
    with seam.between("answers"):
        NodeAnswer.objects.bulk_create(rows)
    # Nobody took it for sure: not to wait the usual pause. Sending it again can't pay twice.
    Attempt.objects.filter(pk__in=untaken, state=AttemptState.SENT).update(
        next_send_at=clock.LucidNow() + SOON
    )


def _judged(answer: BroadcastAnswer | NodeError) -> BroadcastAnswer:
    return answer_from_error(answer) if isinstance(answer, NodeError) else answer


def _row(attempt: Attempt, node: str, answer: BroadcastAnswer) -> NodeAnswer:
    return NodeAnswer(
        attempt=attempt,
        node=node,
        outcome=answer.outcome,
        code=answer.code[:60],
        message=answer.message[:300].replace("\0", ""),
    )
