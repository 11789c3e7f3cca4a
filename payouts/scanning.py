"""Reading blocks: head blocks while something is in flight, solid blocks from the oldest unresolved attempt on.

Heights are persisted and blocks linked by their parents, so that no block is skipped unseen. Where fewer attempts
are open than blocks, they are asked for by id instead.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db.models import Min

from lucid_payments import seam
from payouts import recovery, treasury_keys, verdicts
from payouts.chain import pool
from payouts.manager import PayoutManager
from payouts.models.attempt import UNRESOLVED, Attempt
from payouts.models.chain import ChainBlock, ChainState
from payouts.settlement import Sighting
from payouts.sweeps import outstanding
from payouts.tron import addresses
from payouts.tron.answers import Block, BlockHeader
from payouts.tron.encoding import DecodeError, TransferContract, TriggerSmartContract, decode_raw_data
from payouts.tron.errors import NodeError

log = logging.getLogger(__name__)

# A round reads at most this many blocks of each kind; the next round goes on.
BLOCKS_A_ROUND = 60
KEEP_BLOCKS = 200
# A head block deeper than this can't be replaced any more.
DEEPEST_FORK = 30


def scan(state: ChainState) -> None:
    """Read what is new and settle what it decides. A node's error ends the round; the next one goes on from here."""
    open_attempts = Attempt.objects.filter(state__in=UNRESOLVED)
    # While a sweep is under way the balance alone can't tell a theft: every block is looked at.
    if not open_attempts.exists() and not outstanding.is_open():
        _skip_to(state)
        return
    try:
        _scan_head(state)
        _scan_solid(state)
        _ask_by_id(state)
    except NodeError as error:
        log.warning("block scan interrupted: %s", error)


def _skip_to(state: ChainState) -> None:
    """Nothing is open: no block need be read, the scan begins anew with the next attempt's reference block."""
    if state.head_scanned or state.solid_scanned:
        ChainState.objects.filter(pk=1).update(head_scanned=0, solid_scanned=0, solid_scanned_id="")
        ChainBlock.objects.all().delete()


def _scan_head(state: ChainState) -> None:
    number = state.head_scanned + 1 if state.head_scanned else state.head_number - DEEPEST_FORK
    number = max(number, state.head_number - BLOCKS_A_ROUND, 1)
    before = _known_id(number - 1)
    read: list[BlockHeader] = []
    try:
        while number <= state.head_number:
            block = pool().first(lambda node, at=number: node.block(at))  # type: ignore[misc]
            if block is None:
                return
            if before and before != block.header.parent_id:
                _remember(state, read)
                read = []
                number = _fork_point(number - 1)
                before = _known_id(number - 1)
                continue
            _include(block)
            _look_for_strangers(state, block)
            read.append(block.header)
            before = block.header.block_id
            number += 1
    finally:
        _remember(state, read)


def _known_id(number: int) -> str:
    """The id of a head block that was read before; empty when it wasn't."""
    return ChainBlock.objects.filter(number=number).values_list("block_id", flat=True).first() or ""


def _remember(state: ChainState, headers: Sequence[BlockHeader]) -> None:
    """These head blocks have been read; what is too old to be replaced is forgotten."""
    if not headers:
        return
    ChainBlock.objects.bulk_create(
        (ChainBlock(number=h.number, block_id=h.block_id, parent_id=h.parent_id) for h in headers),
        update_conflicts=True,
        unique_fields=["number"],
        update_fields=["block_id", "parent_id"],
    )
    ChainBlock.objects.filter(number__lt=state.head_number - KEEP_BLOCKS).delete()
    state.head_scanned = headers[-1].number
    with seam.between("head_scan"):
        ChainState.objects.filter(pk=1).update(head_scanned=state.head_scanned)


def _fork_point(number: int) -> int:
    """The first block that differs from what we read before; what stood from there on is undone."""
    while (known := ChainBlock.objects.filter(number=number).first()) is not None:
        block = pool().first(lambda node, at=number: node.block(at))  # type: ignore[misc]
        if block is not None and block.header.block_id == known.block_id:
            break
        number -= 1
    log.warning("the chain was reorganised from block %s on", number + 1)
    undone = PayoutManager.take_out_of_block(number + 1)
    ChainBlock.objects.filter(number__gt=number).delete()
    ChainState.objects.filter(pk=1).update(head_scanned=number)
    log.warning("%s transactions are out of their block and sent again", undone)
    return number + 1


def _include(block: Block) -> None:
    header = block.header
    sightings = [
        Sighting(
            txid=attempt.txid,
            block_number=header.number,
            block_id=header.block_id,
            block_time_ms=header.timestamp_ms,
        )
        for attempt in _ours(block)
    ]
    if sightings:
        PayoutManager.include(sightings)


def _scan_solid(state: ChainState) -> None:
    """Solid blocks, in order; those that hold our transactions are judged on every node's word."""
    oldest = Attempt.objects.filter(state__in=UNRESOLVED).aggregate(block=Min("reference_block"))["block"]
    if oldest is None:
        return
    if not state.solid_scanned:
        state.solid_scanned, state.solid_scanned_id = oldest, ""
    behind = state.solid_number - state.solid_scanned
    if behind > BLOCKS_A_ROUND and Attempt.objects.filter(state__in=UNRESOLVED).count() < behind:
        _jump(state)
        return
    for number in range(
        state.solid_scanned + 1, min(state.solid_number, state.solid_scanned + BLOCKS_A_ROUND) + 1
    ):
        block = pool().first(lambda node, at=number: node.block(at, solid=True))  # type: ignore[misc]
        if block is None:
            break
        if state.solid_scanned_id and block.header.parent_id != state.solid_scanned_id:
            log.error("solid block %s doesn't follow the one read before it; asked again", number)
            state.solid_scanned_id = ""
            break
        ours = _ours(block)
        if ours:
            verdicts.settle_block(number, ours)
        if block.transactions:
            state.control_txid = block.transactions[-1].txid
        state.solid_scanned, state.solid_scanned_id = number, block.header.block_id
        state.control_block = number
    _save_solid(state)


def _jump(state: ChainState) -> None:
    """After a long absence: every open attempt by id, then go on from the solid head.

    Which non-empty block is the last among those jumped over, nobody has seen: the control stays as of where it was.
    """
    for attempt in Attempt.objects.filter(state__in=UNRESOLVED).select_related("payout", "payout__creator"):
        verdicts.settle_by_id(attempt)
    state.solid_scanned, state.solid_scanned_id = state.solid_number, state.solid_id
    _save_solid(state)


def _save_solid(state: ChainState) -> None:
    with seam.between("solid_scan"):
        ChainState.objects.filter(pk=1).update(
            solid_scanned=state.solid_scanned,
            solid_scanned_id=state.solid_scanned_id,
            control_txid=state.control_txid,
            control_block=state.control_block,
        )


def _ask_by_id(state: ChainState) -> None:
    """What the scan didn't settle: nodes that differed about a block, and attempts past their expiration."""
    rows = Attempt.objects.filter(state__in=UNRESOLVED).select_related("payout", "payout__creator")
    for attempt in rows.filter(block_number__lte=state.solid_scanned):
        verdicts.settle_by_id(attempt)
    expired = rows.filter(expiration_ms__lte=state.solid_time_ms)
    if expired.exists():
        control = verdicts.control(state)
        for attempt in expired:
            verdicts.bury(attempt, control)


def _ours(block: Block) -> list[Attempt]:
    txids = [transaction.txid for transaction in block.transactions]
    if not txids:
        return []
    return list(
        Attempt.objects.filter(txid__in=txids, state__in=UNRESOLVED).select_related(
            "payout", "payout__creator"
        )
    )


def _look_for_strangers(state: ChainState, block: Block) -> None:
    """A transaction of the treasury that we didn't make stops signing at once; the balance tells whether it paid."""
    if not block.transactions:
        return
    treasury = {addresses.decode(address) for address in treasury_keys.held()}
    owned = [
        tx.txid for tx in block.transactions if tx.raw_data is not None and _owner(tx.raw_data) in treasury
    ]
    strange = set(owned) - recovery.ours(owned)
    for txid in sorted(strange):
        log.error("transaction %s leaves the treasury and isn't ours", txid)
        state.foreign_txid, state.foreign_block = txid, block.header.number
        ChainState.objects.filter(pk=1).update(foreign_txid=txid, foreign_block=block.header.number)


def _owner(raw_data: bytes) -> bytes:
    """Whose value a transaction moves; staking and delegating move none."""
    try:
        contract = decode_raw_data(raw_data).contract
    except DecodeError:
        return b""
    return contract.owner_address if isinstance(contract, TransferContract | TriggerSmartContract) else b""
