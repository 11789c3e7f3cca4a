"""One run from its plan to its answer, in steps that each leave their place in its row.

Node calls of an hour without differences: one for the heads and four for the balances to every node (more only when
a block comes in between), two a block that holds payouts of that hour, to one node; and two to every node for each
transaction that is on its way or differs. Blocks are searched only when the treasury holds less than expected.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F

from lucid_payments import clock, locks
from lucid_payments.locks import AdvisoryLock, only_one
from payouts import ledger
from payouts.models.chain import ChainState
from payouts.models.ledger import Currency, LedgerTransfer
from payouts.models.reconciliation import ReconciliationRun, RunState
from payouts.reconciliation import books, cases, runs
from payouts.reconciliation.comparison import Difference, compare
from payouts.reconciliation.errors import Inconclusive
from payouts.reconciliation.reading import Balances, ChainReader, ChainTransaction

ROWS_A_STEP: Final = 50
BLOCKS_A_STEP: Final = 20
# Two hours of blocks: a search through more wants a node of one's own, and a range that somebody names.
SEARCH_BLOCKS: Final = 2_400
# Rows younger than this when a run began are checked by the next one again: a transaction may have been slow.
OVERLAP: Final = timedelta(minutes=2)


def work(*, seconds: float) -> ReconciliationRun | None:
    """Go on with the run whose turn it is for about so long. None when there is none, or another process is at it."""
    with only_one(AdvisoryLock.RECONCILE) as mine:
        run = runs.take() if mine else None
        if run is None:
            return None
        until = time.monotonic() + seconds
        reader = ChainReader()
        try:
            _step(run, reader)
            while run.state == RunState.RUNNING and time.monotonic() < until:
                _step(run, reader)
        except Inconclusive as stop:
            runs.give_up(run, str(stop), calls=reader.calls)
        return run


def _step(run: ReconciliationRun, reader: ChainReader) -> None:
    if run.blocks_checked_to is None:
        _plan(run, reader)
    elif run.rows_to is not None and (run.rows_checked_to or 0) < run.rows_to:
        _check_rows(run, reader)
    elif run.to_block is not None and run.blocks_checked_to < run.to_block:
        _check_blocks(run, reader)
    elif run.ranged:
        runs.end(run)
    else:
        _check_balances(run, reader)


def _plan(run: ReconciliationRun, reader: ChainReader) -> None:
    """Fix the blocks and rows to be checked, so that a run that goes on elsewhere checks the same."""
    head = reader.solid_head()
    last = runs.latest_whole()
    if last is not None and last.to_block is not None and head.number < last.to_block:
        raise Inconclusive(f"The nodes' final block {head.number} is before the last run's {last.to_block}.")
    if run.ranged:
        first, final = run.from_block, run.to_block
        if run.from_time is not None:
            first = reader.block_at(clock.to_ms(run.from_time), head=head)
        if run.to_time is not None:
            final = reader.block_at(clock.to_ms(run.to_time), head=head) - 1
        first = max(first or 1, 1)
        final = head.number if final is None else min(final, head.number)
        runs.note(
            run,
            calls=_spent(reader),
            from_block=first,
            to_block=final,
            blocks_checked_to=first - 1,
        )
        return
    after = _rows_after(last)
    runs.note(
        run,
        calls=_spent(reader),
        from_block=(last.to_block or 0) + 1 if last else max(1, head.number - SEARCH_BLOCKS + 1),
        to_block=head.number,
        blocks_checked_to=head.number,
        rows_from=after,
        rows_checked_to=after,
        rows_to=books.newest_row(),
    )


def _rows_after(last: ReconciliationRun | None) -> int:
    if last is None or last.rows_to is None or last.started_at is None:
        return 0
    settled = LedgerTransfer.objects.filter(pk__lte=last.rows_to, at__lte=last.started_at - OVERLAP)
    return settled.order_by("-pk").values_list("pk", flat=True).first() or 0


def _check_rows(run: ReconciliationRun, reader: ChainReader) -> None:
    """The next posted rows against the blocks that their attempts stand in."""
    after, up_to = run.rows_checked_to or 0, run.rows_to or 0
    txids, checked_to = books.txids_between(after, up_to, most=ROWS_A_STEP)
    entries = books.booked(txids)
    numbers = sorted({entry.block_number for entry in entries.values() if entry.block_number})
    seen = reader.blocks_of(numbers)
    for txid in set(txids) - seen.keys():
        # A line of the journal without an attempt, or one that its block doesn't hold.
        found = reader.confirm(txid, by_block=run.to_block or 0)
        if found is not None:
            seen[txid] = found
    differences = _judge(reader, seen, txids, by_block=run.to_block or 0)
    with transaction.atomic():
        cases.open_all(run, differences)
        runs.note(
            run,
            calls=_spent(reader),
            rows_checked_to=checked_to,
            transactions_checked=F("transactions_checked") + len(txids),
            blocks_read=F("blocks_read") + len(numbers),
            zero_value_logs=F("zero_value_logs") + sum(each.zero_value_logs for each in seen.values()),
        )


def _check_blocks(run: ReconciliationRun, reader: ChainReader) -> None:
    """The next blocks, each linked to the one before it, against the rows of those blocks."""
    first = (run.blocks_checked_to or 0) + 1
    last = min(first + BLOCKS_A_STEP - 1, run.to_block or 0)
    seen: dict[str, ChainTransaction] = {}
    parent = ""
    for number in range(first, last + 1):
        header, touching = reader.block(number)
        if parent and header.parent_id != parent:
            raise Inconclusive(f"Block {number} doesn't follow the one before it.")
        parent = header.block_id
        seen.update((each.txid, each) for each in touching)
    txids = books.txids_of_blocks(first, last)
    differences = _judge(reader, seen, txids, by_block=last)
    with transaction.atomic():
        cases.open_all(run, differences)
        runs.note(
            run,
            calls=_spent(reader),
            blocks_checked_to=last,
            transactions_checked=F("transactions_checked") + len(seen.keys() | txids),
            blocks_read=F("blocks_read") + last - first + 1,
            zero_value_logs=F("zero_value_logs") + sum(each.zero_value_logs for each in seen.values()),
        )


def _judge(
    reader: ChainReader, seen: dict[str, ChainTransaction], txids: Collection[str], *, by_block: int
) -> list[Difference]:
    """What differs, each difference confirmed by every node. Raises Inconclusive where they don't agree."""
    found = _compare(seen, txids)
    for txid in sorted({each.txid for each in found}):
        confirmed = reader.confirm(txid, by_block=by_block)
        if confirmed is None:
            seen.pop(txid, None)
        else:
            seen[txid] = confirmed
    if found:
        # The books may have moved while the nodes were asked.
        found = _compare(seen, txids)
        cases.require_signer(found)
    return found


def _compare(seen: dict[str, ChainTransaction], txids: Collection[str]) -> list[Difference]:
    everything = {*seen, *txids}
    on_their_way = books.on_their_way(everything)
    # Read after them: what was posted in between is booked now and only left out of this comparison.
    return compare(seen, books.booked(everything), on_their_way=on_their_way)


def _check_balances(run: ReconciliationRun, reader: ChainReader) -> None:
    """What the treasury holds against what books, cases and transactions on their way say it should."""
    at = reader.balances()
    if at.block_number < (run.to_block or 0):
        raise Inconclusive(f"The nodes' final block {at.block_number} is before {run.to_block}.")
    told = books.expected(at.block_number)
    usdt, trx = told.usdt, told.trx
    for txid, entry in told.on_their_way.items():
        landed = reader.confirm(txid, by_block=at.block_number)
        if landed is not None and landed.block_number <= at.block_number:
            usdt += (entry.usdt if entry else 0) - landed.usdt_out
            trx += (entry.trx if entry else 0) - landed.trx_gone
    missing = at.usdt < usdt or at.trx < trx
    if missing and not run.searched:
        first = max(run.from_block or 1, at.block_number - SEARCH_BLOCKS + 1)
        runs.note(
            run,
            calls=_spent(reader),
            searched=True,
            to_block=at.block_number,
            blocks_checked_to=min(first - 1, at.block_number),
        )
        return
    if missing:
        cases.require_signer((), at.usdt - usdt)
    _conclude(run, at, told, usdt=usdt, trx=trx, calls=_spent(reader))


@transaction.atomic
def _conclude(
    run: ReconciliationRun, at: Balances, told: books.Expected, *, usdt: int, trx: int, calls: int
) -> None:
    """Book what came in, open a case for what is missing, and end the run: all in one transaction."""
    # The watcher books what comes in, too: never both at once.
    locks.hold(AdvisoryLock.WATCH)
    if books.deposits() != told.deposits:
        # It has booked something while the nodes were asked: the next step looks again.
        runs.note(run, calls=calls)
        return
    booked = {}
    for currency, difference, expected in (
        (Currency.USDT, at.usdt - usdt, usdt),
        (Currency.TRX, at.trx - trx, trx),
    ):
        if difference > 0:
            ledger.book_inflow(difference, note=f"seen at final block {at.block_number}", currency=currency)
        elif difference < 0:
            cases.open_balance(run, currency, difference, at=at, told=expected)
        booked[currency] = max(0, difference)
    cases.close_settled()
    if booked[Currency.USDT]:
        ChainState.objects.filter(pk=1).update(inflow=0)
    runs.end(
        run,
        to_block=at.block_number,
        to_block_id=at.block_id,
        chain_usdt=at.usdt,
        books_usdt=usdt,
        chain_trx=at.trx,
        books_trx=trx,
        booked_usdt=booked[Currency.USDT],
        booked_trx=booked[Currency.TRX],
        node_calls=F("node_calls") + calls,
    )


def _spent(reader: ChainReader) -> int:
    """The calls made since this was asked last."""
    made, reader.calls = reader.calls, 0
    return made
