"""What a node's answer to `wallet/broadcasthex` means for one attempt.

Every answer is about this node and this call only. None of them, good or bad, ever frees a payout for another
attempt: a transaction that was refused here may be in the pool of the node next door.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payouts.tron.errors import BadAnswer, NodeBusy, NodeError, NodeForbidden
from payouts.tron.reading import mapping, message, word


class Outcome(StrEnum):
    """`ACCEPTED`: pooled here. `DUPLICATE`: pooled or in a block already. `REFUSED`: not taken, and the same
    bytes won't be soon. `BUSY`: not taken now. `AMBIGUOUS`: it may have been taken."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    BUSY = "busy"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class BroadcastAnswer:
    """One node's answer, with java-tron's code (or one of ours) and its message for people."""

    outcome: Outcome
    code: str
    message: str


_REFUSED: Final = frozenset(
    {
        "SIGERROR",
        "CONTRACT_VALIDATE_ERROR",
        "CONTRACT_EXE_ERROR",
        "TOO_BIG_TRANSACTION_ERROR",
        "BANDWITH_ERROR",
        "TAPOS_ERROR",
        "TRANSACTION_EXPIRATION_ERROR",
    }
)
_BUSY: Final = frozenset({"SERVER_BUSY", "NO_CONNECTION", "BLOCK_UNSOLIDIFIED"})


def parse_broadcast(value: object, txid: str) -> BroadcastAnswer:
    """The answer's meaning for the transaction `txid`. Raises `BadAnswer` if it isn't an object of words."""
    source = mapping(value, "broadcast answer")
    code = word(source, "code")
    text = message(source, "message")
    named = word(source, "txid", limit=64).lower()
    if named and named != txid:
        return BroadcastAnswer(
            Outcome.AMBIGUOUS, "WRONG_TXID", "The node answered about another transaction."
        )
    if source.get("result") is True:
        return _accepted(code, named)
    return BroadcastAnswer(_outcome(code, text), code or "NO_CODE", text)


def answer_from_error(error: NodeError) -> BroadcastAnswer:
    """The meaning of no answer, or of one that isn't java-tron's.

    Only a refusal for our rate or key is taken at its word: time-outs, cut connections and 5xx come just as
    well after the node has pooled the transaction.
    """
    busy = isinstance(error, NodeBusy | NodeForbidden) and error.code != "HTTP_503"
    return BroadcastAnswer(Outcome.BUSY if busy else Outcome.AMBIGUOUS, error.code, error.sentence)


def _accepted(code: str, named: str) -> BroadcastAnswer:
    if not named:
        return BroadcastAnswer(Outcome.AMBIGUOUS, "NO_TXID", "The node accepted something without naming it.")
    if code not in ("", "SUCCESS"):
        raise BadAnswer("CONTRADICTION", "The node says both that it accepted and that it didn't.")
    return BroadcastAnswer(Outcome.ACCEPTED, "SUCCESS", "")


def _outcome(code: str, text: str) -> Outcome:
    if code in _REFUSED:
        return Outcome.REFUSED
    if code in _BUSY:
        return Outcome.BUSY
    # "Transaction already exists." is said of any id ever submitted, even if rejected: java-tron #2516.
    if code == "DUP_TRANSACTION_ERROR" and text.startswith("Dup transaction"):
        return Outcome.DUPLICATE
    # The same code with "P2P broadcast failed." comes after the transaction was pooled.
    if code == "NOT_ENOUGH_EFFECTIVE_CONNECTION" and text.startswith("Effective connection"):
        return Outcome.BUSY
    return Outcome.AMBIGUOUS
