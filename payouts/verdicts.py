"""What became of attempts, on the word of two providers: paid, reverted, dead, or not to be said yet."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lucid_payments import commits
from lucid_payments.clock import LucidNow
from payouts import alarms, chain, ledger
from payouts.examination import cross_examine
from payouts.manager import PayoutManager
from payouts.models.attempt import Attempt
from payouts.models.chain import ChainState, OrphanSignature, OrphanState
from payouts.settlement import Outcome
from payouts.tron.answers import SUCCESS, BlockHeader, TransactionInfo
from payouts.tron.errors import BadAnswer, NodeError
from payouts.tron.node import Node
from payouts.tron.transfer import TransferIntent
from payouts.tron.verdict import AbsenceRound, Finding, Settled, agree, is_dead, judge

log = logging.getLogger(__name__)
# How far back a control transaction is looked for where none was ever seen: an hour of blocks.
LOOK_BACK = 1_200
# A busy network has one in the newest of these.
NEWEST = 20
BLOCKS_A_ROUND = 300


def intent_of(attempt: Attempt) -> TransferIntent:
    """What the attempt is meant to do, recipient and amount taken from the payout itself."""
    return TransferIntent(
        payout_id=attempt.payout.payout_id,
        attempt_id=str(attempt.pk),
        owner=attempt.owner_address,
        recipient=attempt.payout.recipient_address,
        amount=attempt.payout.amount,
        contract=attempt.contract_address,
        fee_limit_sun=attempt.fee_limit,
        expiration_ms=attempt.expiration_ms,
        raw_data=bytes(attempt.raw_data),
    )


def settle_block(number: int, attempts: Sequence[Attempt]) -> int:
    """Judge attempts that stand in a solid block, on every node's word about that block."""
    told = chain.pool().every(lambda node: _testify_block(node, number))
    answered = [words for words in told.values() if words is not None and not isinstance(words, NodeError)]
    agreed = []
    for attempt in attempts:
        found = sum(attempt.txid in {finding.info.txid for finding in words} for words in answered)
        if 0 < found < len(answered):
            log.warning("nodes disagree whether %s is in block %s", attempt.txid, number)
            cross_examine(attempt.txid, number)
        else:
            agreed.append(attempt)
    return _settle(agreed, [finding for words in answered for finding in words])


def settle_by_id(attempt: Attempt) -> bool:
    """Judge one attempt by asking every node for its txid. False when it can't be said yet."""
    told = chain.pool().every(lambda node: _testify(node, attempt.txid))
    words = [word for word in told.values() if not isinstance(word, NodeError)]
    found = [word for word in words if word is not None]
    if found and len(found) < len(words):
        log.warning("nodes disagree whether %s is in a solid block", attempt.txid)
        cross_examine(attempt.txid, found[0].info.block_number)
        return False
    return bool(_settle([attempt], found))


def bury(attempt: Attempt, control_txid: str) -> bool:
    """Apply the dead rule to an expired attempt; True when it is proven that it can never land.

    Without a control no absence can be proven; what landed is found all the same, where a lost index is back.
    """
    if not control_txid:
        settle_by_id(attempt)
        return False
    sought = _seek(attempt.txid, attempt.expiration_ms, attempt.absence, control_txid)
    match sought.found:
        case "dead":
            return bool(PayoutManager.declare_dead([attempt.pk]))
        case "seen":
            PayoutManager.note_absence(attempt.pk, None)
            settle_by_id(attempt)
        case "absent":
            PayoutManager.note_absence(attempt.pk, sought.absence)
    return False


def control(state: ChainState) -> str:
    """The txid of the last non-empty solid block, which a node that can prove an absence must find; else "".

    The block scan knows it as far as it has come. Blocks that it jumped over are searched: the newest few first,
    then, where nobody transacts, upwards from what is known, so many a round. An older one than the last proves
    nothing: look-ups may stand between the two.
    """
    known_to = state.control_block if state.control_txid else max(0, state.solid_number - LOOK_BACK)
    first = max(known_to, state.solid_number - NEWEST) if state.control_txid else known_to
    newest, rest = range(state.solid_number, first, -1), range(known_to + 1, first + 1)
    try:
        found = next(filter(None, map(_last_txid, newest)), "")
        if found or not rest:
            return _note_control(state, found or state.control_txid, state.solid_number)
        chunk = rest[:BLOCKS_A_ROUND]
        for number in chunk:
            found = _last_txid(number) or found
    except NodeError:
        return ""
    _note_control(state, found or state.control_txid, chunk[-1])
    return state.control_txid if chunk[-1] == rest[-1] else ""


def _last_txid(number: int) -> str:
    """The last transaction of a solid block; "" where it holds none. Raises NodeError, for a missing block too."""
    block = chain.pool().first(lambda node: node.block(number, solid=True))
    if block is None:
        # The node's head is ahead of its look-ups: what they don't find may well be there.
        raise BadAnswer("NO_BLOCK", f"Solid block {number} is missing below the solid head.")
    return block.transactions[-1].txid if block.transactions else ""


def _note_control(state: ChainState, txid: str, number: int) -> str:
    """Keep the control: the last as of solid block `number`."""
    state.control_txid, state.control_block = txid, number
    ChainState.objects.filter(pk=1).update(control_txid=txid, control_block=number)
    return txid


def _forget_control(txid: str) -> None:
    """No provider finds it: one node's block, from which it was taken, may have been a lie. Searched anew."""
    log.warning("no node finds the control transaction %s", txid)
    ChainState.objects.filter(pk=1, control_txid=txid).update(control_txid="", control_block=0)


@dataclass(frozen=True, slots=True)
class Fate:
    """What the chain says of one transaction of ours: where it landed, that it never can, or neither yet.

    `absence` is to be kept for the next time it is asked about.
    """

    landed: Finding | None = None
    is_dead: bool = False
    absence: list[dict[str, Any]] | None = None


def fate(txid: str, expiration_ms: int, absence: list[dict[str, Any]] | None, state: ChainState) -> Fate:
    """Ask every node what became of a transaction, by the rules that hold for all of them (sentences 4 and 5)."""
    told = chain.pool().every(lambda node: _testify(node, txid))
    words = [word for word in told.values() if isinstance(word, Finding)]
    if agree(words, required=chain.required_operators()) is not None:
        return Fate(landed=words[0], absence=absence)
    if state.solid_time_ms < expiration_ms:
        return Fate(absence=absence)
    sought = _seek(txid, expiration_ms, absence, control(state))
    match sought.found:
        case "dead":
            return Fate(is_dead=True, absence=absence)
        case "absent":
            return Fate(absence=sought.absence)
        case "seen":
            return Fate()
    return Fate(absence=absence)


def judge_orphan(orphan: OrphanSignature, state: ChainState) -> None:
    """What became of a journalled transaction that no payout carries: paid, or harmless for ever."""
    found = fate(orphan.txid, orphan.expiration_ms, orphan.absence, state)
    if found.landed is not None or found.is_dead:
        _decide(orphan, found.landed.info if found.landed else None)
    elif found.absence != orphan.absence:
        orphan.absence = found.absence
        orphan.save(update_fields=["absence"])


@commits.atomic("orphan")
def _decide(orphan: OrphanSignature, info: TransactionInfo | None) -> None:
    """Paid by this solid block, or, without one or with a failure, harmless. What left is booked with it."""
    amount = orphan.amount if info is not None and info.result == SUCCESS else 0
    fee = info.fee_sun if info is not None else 0
    if amount > ledger.treasury_balance().available:
        # The restored books don't know yet of the money it was paid with: a top-up is booked first.
        return
    state = OrphanState.PAID if amount else OrphanState.HARMLESS
    rows = OrphanSignature.objects.filter(pk=orphan.pk, state=OrphanState.OPEN)
    if not rows.update(state=state, resolved_at=LucidNow()):
        return
    ledger.book_orphan(amount, fee=fee, txid=orphan.txid)
    if state == OrphanState.PAID:
        alarms.raise_alarm(
            "orphan_paid", f"{orphan.txid} paid {orphan.recipient_address}, and no payout of ours says so."
        )


@dataclass(frozen=True, slots=True)
class Sought:
    """What one round of looking for an expired transaction showed; `absence` is to be kept for the next one."""

    found: Literal["unsure", "seen", "absent", "dead"]
    absence: list[dict[str, Any]] = field(default_factory=list)


def _seek(txid: str, expiration_ms: int, absence: list[dict[str, Any]] | None, control_txid: str) -> Sought:
    """One round of the dead rule on every node (sentence 5 of the design)."""
    if not control_txid:
        return Sought("unsure")
    told = chain.pool().every(lambda node: _look_for(node, txid, control_txid)).values()
    rounds = [seen for seen in told if not isinstance(seen, NodeError)]
    required = chain.required_operators()
    earlier = [_round_from_json(kept) for kept in absence or []]
    if is_dead(earlier, rounds, expiration_ms=expiration_ms, required=required):
        return Sought("dead")
    if any(seen.info_found or seen.transaction_found for seen in rounds):
        return Sought("seen")
    if len({seen.operator for seen in rounds}) >= required and not any(s.control_found for s in rounds):
        _forget_control(control_txid)
        return Sought("unsure")
    absent = [seen for seen in rounds if seen.valid(expiration_ms)]
    # Other operators than the first time's can't repeat what those said: it is begun anew.
    again = {seen.operator for seen in absent} & {seen.operator for seen in earlier}
    first_time = len(again) < required or _went_back(earlier, rounds)
    if first_time and len({seen.operator for seen in absent}) >= required:
        return Sought("absent", [asdict(seen) for seen in absent])
    return Sought("unsure")


def _settle(attempts: Sequence[Attempt], findings: Iterable[Finding]) -> int:
    by_txid: dict[str, list[Finding]] = {}
    for finding in findings:
        by_txid.setdefault(finding.info.txid, []).append(finding)
    paid: list[Outcome] = []
    reverted: list[Outcome] = []
    settled = 0
    for attempt in attempts:
        words = by_txid.get(attempt.txid, [])
        info = agree(words, required=chain.required_operators())
        if info is None:
            if len(words) > 1:
                log.warning("nodes differ about %s, nothing is decided", attempt.txid)
                cross_examine(attempt.txid, words[0].info.block_number)
            continue
        verdict = judge(info, intent_of(attempt))
        outcome = outcome_of(attempt, info, words[0].block_id, verdict.reason)
        match verdict.settled:
            case Settled.SUCCEEDED:
                paid.append(outcome)
            case Settled.REVERTED:
                reverted.append(outcome)
            case Settled.SUCCEEDED_DIFFERENTLY:
                settled += PayoutManager.set_aside(outcome)
    if paid:
        settled += PayoutManager.succeed(paid)
    if reverted:
        settled += PayoutManager.revert(reverted)
    return settled


def outcome_of(attempt: Attempt, info: TransactionInfo, block_id: str, reason: str) -> Outcome:
    """What a final block says, as settlement takes it. Asks the chain for a price."""
    return Outcome(
        attempt_pk=attempt.pk,
        block_number=info.block_number,
        block_id=block_id,
        block_time_ms=info.block_timestamp_ms,
        result=info.result,
        fee=info.fee_sun,
        energy_used=info.energy_usage_total,
        bandwidth_used=info.net_usage or attempt_bandwidth(info),
        detail=reason,
        insufficient_balance=_too_little(attempt, info),
    )


def _too_little(attempt: Attempt, info: TransactionInfo) -> bool:
    """Whether the treasury, as read last, couldn't pay: the amount, or the energy up to the fee limit."""
    state = chain.state()
    return state.treasury_usdt < attempt.amount or (
        info.result == "OUT_OF_ENERGY" and state.treasury_trx < attempt.fee_limit
    )


def attempt_bandwidth(info: TransactionInfo) -> int:
    """Bandwidth points of a transaction whose bandwidth was burned: a receipt shows them as sun alone."""
    price = chain.parameters().get().bandwidth_price_sun
    return info.net_fee_sun // price if price else 0


def _testify_block(node: Node, number: int) -> list[Finding] | None:
    """What the node says of the block's transactions; None while it hasn't come so far."""
    block = node.block(number, solid=True)
    if block is None:
        return None
    infos = node.block_infos(number, solid=True)
    return [Finding(node.name, node.operator, block.header.block_id, info) for info in infos]


def _testify(node: Node, txid: str) -> Finding | None:
    info = node.info(txid, solid=True)
    if info is None:
        return None
    block = node.block(info.block_number, solid=True)
    return Finding(node.name, node.operator, block.header.block_id, info) if block else None


def _look_for(node: Node, txid: str, control_txid: str) -> AbsenceRound:
    """The look-ups of the dead rule on one node, in the order in which they prove something."""
    before = node.solid_head()
    info = node.info(txid, solid=True)
    transaction = node.transaction(txid, solid=True)
    control = node.info(control_txid, solid=True)
    return AbsenceRound(
        node=node.name,
        operator=node.operator,
        solid_before=before,
        solid_after=node.solid_head(),
        info_found=info is not None,
        transaction_found=transaction is not None,
        control_found=control is not None,
    )


def _went_back(earlier: Sequence[AbsenceRound], rounds: Sequence[AbsenceRound]) -> bool:
    """A solid head below the first round's: that round proves nothing any more."""
    first = {seen.operator: seen.solid_after.number for seen in earlier}
    return any(seen.solid_before.number < first.get(seen.operator, 0) for seen in rounds)


def _round_from_json(told: dict[str, Any]) -> AbsenceRound:
    headers = {name: BlockHeader(**told[name]) for name in ("solid_before", "solid_after")}
    return AbsenceRound(**{**told, **headers})
