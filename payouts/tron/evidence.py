"""What a search of the chain shows, for people who must decide: pure rules over what nodes said, no node asked here.

The rules of `verdict` need two providers. Here two people stand in for a missing one, with sources of their own; in
return every node that answers must say the same, and the blocks themselves are read, linked parent to child.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from payouts.tron.answers import TransactionInfo
from payouts.tron.transfer import TransferIntent
from payouts.tron.verdict import (
    ABSENCE_REPEATED_AFTER_BLOCKS,
    AbsenceRound,
    Finding,
    Settled,
    agree,
    judge,
)


class Shown(StrEnum):
    """What follows from a search for one transaction. `MAY_LAND` and below decide nothing."""

    PAID = "paid"
    PAID_DIFFERENTLY = "paid_differently"
    REVERTED = "reverted"
    NEVER = "never"
    MAY_LAND = "may_land"
    CONTRADICTION = "contradiction"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class BlockRun:
    """Final blocks that one node gave, in order. `holds`: the block with the transaction; `expired_at`: the first
    block whose time is past the expiration. Times in UTC milliseconds."""

    first: int
    last: int
    linked: bool
    holds: int | None = None
    expired_at: int | None = None


@dataclass(slots=True)
class NodeWords:
    """All that one node said in a search, as far as it got; `error` is why it got no further."""

    node: str
    operator: str
    error: str = ""
    found: bool = False
    finding: Finding | None = None
    absence: AbsenceRound | None = None
    blocks: BlockRun | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is shown, a sentence for people, and the outcome where there is one."""

    shown: Shown
    sentence: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: the transaction's intent, and the last block that can't hold it (it refers to it)."""

    intent: TransferIntent
    reference_block: int
    required_operators: int
    # People named a source of their own and what it showed.
    elsewhere: bool
    # Our own reading of the head has it in a block.
    included: bool = False


def conclude(words: Sequence[NodeWords], sought: Sought) -> Verdict:
    """What the nodes' words show together. Anyone who finds it keeps it from ever being called dead."""
    found = [said for said in words if said.found]
    if found:
        return _in_a_block(found, words, sought)
    answered = [said for said in words if said.absence is not None]
    if not answered:
        return Verdict(Shown.UNANSWERED, "No node answered.")
    past = max((said.blocks.expired_at or 0 for said in words if said.blocks is not None), default=0)
    why = next((why for said in answered if (why := _may_land(said, sought, past))), "")
    if why or sought.included:
        return Verdict(Shown.MAY_LAND, why or "Our own reading of the newest blocks has it in one of them.")
    if not any(_covers(said, sought) for said in answered):
        return Verdict(
            Shown.UNANSWERED,
            "No node gave every block, linked, from the one it refers to up to the first past its expiration:"
            f" search from block {sought.reference_block + 1}.",
        )
    few = _too_few({said.operator for said in answered}, sought)
    if few:
        return Verdict(Shown.UNANSWERED, few)
    names = ", ".join(said.node for said in answered)
    return Verdict(
        Shown.NEVER, f"It is in no final block and can't come into one any more, by the word of {names}."
    )


def _in_a_block(found: Sequence[NodeWords], words: Sequence[NodeWords], sought: Sought) -> Verdict:
    vague = [said.node for said in found if said.finding is None]
    if vague:
        return Verdict(
            Shown.CONTRADICTION,
            f"{', '.join(vague)} shows it, but gives no final outcome in a block of its own.",
        )
    findings = [said.finding for said in found if said.finding is not None]
    if agree(findings, required=1) is None:
        return Verdict(Shown.CONTRADICTION, "The nodes that find it differ about its block or its result.")
    finding = findings[0]
    number = finding.info.block_number
    deniers = [
        said.node
        for said in words
        if not said.found and said.absence is not None and said.absence.solid_before.number >= number
    ]
    if deniers:
        return Verdict(
            Shown.CONTRADICTION,
            f"{', '.join(deniers)} should know block {number} and doesn't find it there.",
        )
    if not any(said.blocks is not None and said.blocks.holds == number for said in found):
        return Verdict(
            Shown.UNANSWERED, f"It is said to be in block {number}: search that block too, to see it in it."
        )
    few = _too_few({said.operator for said in found}, sought)
    if few:
        return Verdict(Shown.UNANSWERED, few)
    return _judged(finding, sought)


def _judged(finding: Finding, sought: Sought) -> Verdict:
    ruled = judge(finding.info, sought.intent)
    where = f"Final block {finding.info.block_number} holds it"
    match ruled.settled:
        case Settled.SUCCEEDED:
            return Verdict(Shown.PAID, f"{where}, with exactly the transfer that was asked for.", finding)
        case Settled.REVERTED:
            return Verdict(
                Shown.REVERTED, f"{where}, with the result {ruled.result}: no token moved.", finding
            )
    return Verdict(
        Shown.PAID_DIFFERENTLY, f"{where}, with the result {ruled.result}. {ruled.reason}", finding
    )


def _may_land(said: NodeWords, sought: Sought, past: int) -> str:
    """Why this node's words don't rule out that it lands; "" if they do. `past`: the first block past expiration."""
    seen = said.absence
    if seen is None:
        return ""
    if seen.solid_before.timestamp_ms < sought.intent.expiration_ms:
        return f"{said.node}'s final block is before the expiration: it may still land, or that node lags."
    if seen.solid_after.number < seen.solid_before.number:
        return f"{said.node}'s final block went back while it was asked."
    if not seen.control_found:
        return f"{said.node} doesn't find a transaction that is in a final block for certain: it proves no absence."
    needed = past + ABSENCE_REPEATED_AFTER_BLOCKS
    if past and seen.solid_before.number < needed:
        return f"The final block must reach {needed}, {ABSENCE_REPEATED_AFTER_BLOCKS} past the expiration."
    return ""


def _covers(said: NodeWords, sought: Sought) -> bool:
    run = said.blocks
    return (
        run is not None
        and run.linked
        and run.holds is None
        and run.first <= sought.reference_block + 1
        and run.expired_at is not None
    )


def _too_few(operators: set[str], sought: Sought) -> str:
    """Why these operators aren't enough: fewer than the rules ask for, and nobody says what else was searched."""
    if len(operators) >= sought.required_operators or sought.elsewhere:
        return ""
    return (
        f"Only {len(operators)} of {sought.required_operators} operators answered:"
        " say which other source you searched, and what it showed."
    )


@dataclass(frozen=True, slots=True)
class Leaving:
    """A transaction in a final block that took something from the treasury. USDT by recipient in base units."""

    txid: str
    block_number: int
    block_id: str
    result: str
    moved: tuple[tuple[str, int], ...]
    trx: int
    fee: int

    @property
    def usdt(self) -> int:
        return sum(amount for _, amount in self.moved)


def agreed_leavings(
    told: Sequence[tuple[str, Sequence[Leaving]]], *, required: int
) -> tuple[list[Leaving], str]:
    """What `required` operators say alike about the same blocks, and, where they don't, why not.

    `told`: operator and what its node saw leave, for each node that gave every block.
    """
    if len({operator for operator, _ in told}) < required:
        return [], f"{required} operators must give every block searched; not as many did."
    first = sorted(told[0][1], key=lambda leaving: leaving.txid)
    for _, leavings in told[1:]:
        if sorted(leavings, key=lambda leaving: leaving.txid) != first:
            return [], "The nodes differ about what left the treasury in these blocks."
    return first, ""


def moved_by(info: TransactionInfo, owner: bytes, contract: bytes | None = None) -> list[tuple[bytes, int]]:
    """What a transaction's logs say left `owner` (21 raw bytes): recipient and base units, value above 0 alone.

    Of one contract: anybody's token may log a transfer that nobody made. Of any for a transaction that is ours:
    it calls USDT alone, and an upgraded USDT lets another contract log.
    """
    return [
        (log.recipient, log.amount)
        for log in info.transfers
        if log.sender == owner and log.amount > 0 and contract in (None, log.contract)
    ]
