"""Searching the chain for people who must decide: a worker asks the nodes, and keeps their words as evidence.

The database is the queue: a search without evidence is done by whoever looks next, and given up after ten minutes.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q

from lucid_payments import clock
from lucid_payments.locks import AdvisoryLock, only_one
from payouts import chain, leaving, verdicts
from payouts.cases import LONGEST_SEARCH, reference_block
from payouts.models.attempt import Attempt, AttemptState
from payouts.models.cases import CaseKind, ChainSearch, Conclusion, Evidence
from payouts.models.chain import ChainState
from payouts.tron import addresses, evidence
from payouts.tron.errors import NodeError
from payouts.tron.evidence import BlockRun, NodeWords, Sought, Verdict
from payouts.tron.node import Node
from payouts.tron.transfer import TransferIntent
from payouts.tron.verdict import AbsenceRound, Finding

log = logging.getLogger(__name__)

GIVEN_UP: Final = timedelta(minutes=10)


def search_asked() -> int:
    """Do every search that was asked for and isn't done; how many that were."""
    waiting = ChainSearch.objects.filter(evidence=None, asked_at__gt=clock.now() - GIVEN_UP)
    if not waiting.exists():
        return 0
    with only_one(AdvisoryLock.SEARCH) as mine:
        if not mine:
            return 0
        chain.start_round()
        state = chain.state()
        chain.pool().load_quarantines(state.quarantine)
        # What isn't final yet can't be searched: it waits.
        ready = waiting.filter(Q(last_block=None) | Q(last_block__lte=state.solid_number))
        done = 0
        for search in ready.select_related("case", "case__attempt__payout"):
            done += _keep(search, *_search(search, state))
        return done


def _search(search: ChainSearch, state: ChainState) -> tuple[Conclusion, str, Any, dict[str, Any]]:
    if search.case.kind == CaseKind.UNKNOWN_TRANSFER:
        return leaving.search(search)
    attempt = search.case.attempt
    if attempt is None:
        raise RuntimeError(f"{search.case} names no attempt")
    return _search_attempt(search, attempt, state)


def _keep(
    search: ChainSearch, conclusion: Conclusion, sentence: str, told: Any, facts: dict[str, Any]
) -> bool:
    try:
        with transaction.atomic():
            Evidence.objects.create(
                search=search, conclusion=conclusion, sentence=sentence[:500], told=told, facts=facts
            )
    except IntegrityError:
        return False
    log.info("searched the chain for %s: %s", search.case, conclusion)
    return True


def _search_attempt(
    search: ChainSearch, attempt: Attempt, state: ChainState
) -> tuple[Conclusion, str, Any, dict[str, Any]]:
    control = verdicts.control(state)
    intent = verdicts.intent_of(attempt)

    def ask(node: Node) -> NodeWords:
        return _ask(node, search, intent, control)

    words = [
        NodeWords(name, chain.pool()[name].operator, error=said.code) if isinstance(said, NodeError) else said
        for name, said in chain.pool().every(ask).items()
    ]
    sought = Sought(
        intent=intent,
        reference_block=reference_block(attempt, state.solid_number),
        required_operators=chain.required_operators(),
        elsewhere=bool(search.elsewhere),
        included=Attempt.objects.filter(pk=attempt.pk, state=AttemptState.INCLUDED).exists(),
    )
    verdict = evidence.conclude(words, sought)
    return (
        Conclusion(verdict.shown.value),
        verdict.sentence,
        [_plain(said) for said in words],
        _facts(attempt, verdict),
    )


def _ask(node: Node, search: ChainSearch, intent: TransferIntent, control: str) -> NodeWords:
    """All that one node says, in the order in which it proves something. What it said before it failed counts."""
    said = NodeWords(node.name, node.operator)
    try:
        before = node.solid_head()
        info = node.info(intent.txid, solid=True)
        said.found = info is not None
        bytes_found = node.transaction(intent.txid, solid=True) is not None
        said.found = said.found or bytes_found
        if info is not None:
            block = node.block(info.block_number, solid=True)
            if block is not None and bytes_found:
                said.finding = Finding(node.name, node.operator, block.header.block_id, info)
        said.absence = AbsenceRound(
            node=node.name,
            operator=node.operator,
            solid_before=before,
            info_found=info is not None,
            transaction_found=bytes_found,
            control_found=bool(control) and node.info(control, solid=True) is not None,
            solid_after=node.solid_head(),
        )
        if node.name in search.nodes:
            said.blocks = _read_blocks(node, search, intent, said)
    except NodeError as error:
        said.error = f"{error.code}: {error}"[:200]
    return said


def _read_blocks(node: Node, search: ChainSearch, intent: TransferIntent, said: NodeWords) -> BlockRun | None:
    """The blocks asked for, or up to the first one past the expiration; None where this node hasn't all."""
    number, parent, linked = search.first_block, "", True
    holds = expired_at = None
    last = search.last_block or search.first_block + LONGEST_SEARCH
    while number <= last:
        block = node.block(number, solid=True)
        if block is None:
            return None
        linked = linked and (not parent or block.header.parent_id == parent)
        parent = block.header.block_id
        if any(transaction.txid == intent.txid for transaction in block.transactions):
            holds = number
            said.found = True
        if expired_at is None and block.header.timestamp_ms >= intent.expiration_ms:
            expired_at = number
            if search.last_block is None:
                break
        number += 1
    return BlockRun(
        first=search.first_block, last=min(number, last), linked=linked, holds=holds, expired_at=expired_at
    )


def _facts(attempt: Attempt, verdict: Verdict) -> dict[str, Any]:
    """What the acts are done by: the outcome as settlement takes it, and what really moved to whom."""
    if verdict.finding is None:
        return {}
    info = verdict.finding.info
    moved = evidence.moved_by(info, addresses.decode(attempt.owner_address))
    outcome = verdicts.outcome_of(attempt, info, verdict.finding.block_id, verdict.sentence)
    return {
        "outcome": asdict(outcome),
        "moved": [[addresses.encode(recipient), amount] for recipient, amount in moved],
    }


def _plain(said: NodeWords) -> dict[str, Any]:
    """A node's words as JSON: what people read on the case's page."""
    absence, run, finding = said.absence, said.blocks, said.finding
    return {
        "node": said.node,
        "operator": said.operator,
        "error": said.error,
        "solid_block": absence.solid_before.number if absence else None,
        "control_found": absence.control_found if absence else None,
        "by_id": None if absence is None else absence.info_found or absence.transaction_found,
        "found_in": finding.info.block_number if finding else (run.holds if run else None),
        "result": finding.info.result if finding else "",
        "blocks": asdict(run) if run else None,
    }
