"""When an attempt is settled: pure rules over what nodes said, no node asked here.

Nothing but a final block speaks for success or failure, and nothing but two providers' repeated, checked
absence after expiry speaks for "never".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payouts.tron import addresses
from payouts.tron.answers import SUCCESS, BlockHeader, TransactionInfo, TransferLog
from payouts.tron.transfer import TransferIntent

# java-tron's contractResult, without DEFAULT, SUCCESS and UNKNOWN.
FAILURES: Final = frozenset(
    {
        "REVERT",
        "BAD_JUMP_DESTINATION",
        "OUT_OF_MEMORY",
        "PRECOMPILED_CONTRACT",
        "STACK_TOO_SMALL",
        "STACK_TOO_LARGE",
        "ILLEGAL_OPERATION",
        "STACK_OVERFLOW",
        "OUT_OF_ENERGY",
        "OUT_OF_TIME",
        "JVM_STACK_OVER_FLOW",
        "TRANSFER_FAILED",
        "INVALID_CODE",
    }
)
REQUIRED_OPERATORS: Final = 2
ABSENCE_REPEATED_AFTER_BLOCKS: Final = 20


class Settled(StrEnum):
    """`SUCCEEDED`: paid exactly as asked. `SUCCEEDED_DIFFERENTLY`: it went through, so never pay again, but a
    human must look. `REVERTED`: in a final block, and no token moved."""

    SUCCEEDED = "succeeded"
    SUCCEEDED_DIFFERENTLY = "succeeded_differently"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended; `result` is the network's code, `reason` a sentence where there is one to say."""

    settled: Settled
    result: str
    reason: str = ""


def judge(info: TransactionInfo, intent: TransferIntent) -> Verdict:
    """The verdict on the outcome that a *final* block gives. Raises ValueError for another transaction's."""
    if info.txid != intent.txid:
        raise ValueError("The outcome belongs to another transaction than the intent.")
    if info.result != SUCCESS:
        return _failed(info)
    difference = _difference(info, intent)
    settled = Settled.SUCCEEDED_DIFFERENTLY if difference else Settled.SUCCEEDED
    return Verdict(settled, info.result, difference)


def _failed(info: TransactionInfo) -> Verdict:
    if info.result in FAILURES and not info.transfers:
        return Verdict(Settled.REVERTED, info.result, info.message)
    # Not provably without effect, so it must not free the payout for another attempt.
    reason = f"The network's result {info.result} isn't a failure known to move nothing."
    return Verdict(Settled.SUCCEEDED_DIFFERENTLY, info.result, reason)


def _difference(info: TransactionInfo, intent: TransferIntent) -> str:
    """Why the logs aren't exactly the one transfer asked for, "" if they are."""
    asked = TransferLog(
        addresses.decode(intent.contract),
        addresses.decode(intent.owner),
        addresses.decode(intent.recipient),
        intent.amount,
    )
    if info.logs == (asked,):
        return ""
    transfers = info.transfers
    if asked in transfers:
        return "The payout was transferred, but the transaction logged something else beside it."
    from_contract = [
        log for log in transfers if log.contract == asked.contract and log.sender == asked.sender
    ]
    if sum(log.amount for log in from_contract) == intent.amount and len(from_contract) > 1:
        return "The token's fee is switched on: part of the amount went to somebody else."
    if any(log.contract != asked.contract for log in transfers):
        return "Another contract made the transfer: the token was upgraded."
    return "The transaction succeeded without the transfer that was asked for."


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a transaction stands by one node's `walletsolidity/`: its outcome and that block's id."""

    node: str
    operator: str
    block_id: str
    info: TransactionInfo


def agree(findings: Iterable[Finding], *, required: int = REQUIRED_OPERATORS) -> TransactionInfo | None:
    """The outcome that nodes of `required` different operators gave alike; None if too few, or one differs.

    Alike means block number, block id, result and logs. One dissenter is enough for None: then nothing
    changes and all are asked again.
    """
    given = list(findings)
    operators = {finding.operator for finding in given}
    if len(operators) < required or len({_essence(finding) for finding in given}) != 1:
        return None
    return given[0].info


def _essence(finding: Finding) -> tuple[object, ...]:
    info = finding.info
    return (info.txid, info.block_number, finding.block_id, info.result, info.logs)


@dataclass(frozen=True, slots=True)
class AbsenceRound:
    """One node's answers in one round, all from `walletsolidity/` and in this order: head, the outcome by id,
    the transaction by id, a control transaction from the last non-empty solid block by id, head again."""

    node: str
    operator: str
    solid_before: BlockHeader
    solid_after: BlockHeader
    info_found: bool
    transaction_found: bool
    control_found: bool

    def valid(self, expiration_ms: int) -> bool:
        """Whether this round shows that the transaction is in no final block and can't come into a later one.

        The solid head must have passed the expiration *before* the look-ups, the head not gone back, and the
        control must have been found: a node that finds nothing at all proves nothing.
        """
        return (
            self.solid_before.timestamp_ms >= expiration_ms
            and self.solid_after.number >= self.solid_before.number
            and self.control_found
            and not self.info_found
            and not self.transaction_found
        )


def is_dead(
    first: Sequence[AbsenceRound],
    second: Sequence[AbsenceRound],
    *,
    expiration_ms: int,
    required: int = REQUIRED_OPERATORS,
) -> bool:
    """Whether an attempt can never be included: absence in two rounds, the second 20 solid blocks later.

    Each round must hold valid absences of `required` operators and no node that found the transaction. An
    operator counts only if it was absent in both, each time by its own head.
    """
    if any(seen.info_found or seen.transaction_found for seen in (*first, *second)):
        return False
    earlier = _valid_by_operator(first, expiration_ms)
    later = _valid_by_operator(second, expiration_ms)
    repeated = [
        operator
        for operator in earlier.keys() & later.keys()
        if later[operator].solid_before.number
        >= earlier[operator].solid_after.number + ABSENCE_REPEATED_AFTER_BLOCKS
    ]
    return len(repeated) >= required


def _valid_by_operator(rounds: Sequence[AbsenceRound], expiration_ms: int) -> dict[str, AbsenceRound]:
    return {seen.operator: seen for seen in rounds if seen.valid(expiration_ms)}
