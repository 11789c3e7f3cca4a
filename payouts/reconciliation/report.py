"""A run as CSV: its figures, then every transaction of its cases, both sides in one line. Made row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from lucid_payments.money import to_decimal
from payouts.models.ledger import Currency, LedgerTransfer
from payouts.models.reconciliation import ReconciliationCase, ReconciliationRun
from payouts.reconciliation import books, cases
from payouts.reports import cells

FIGURES: Final = ("figure", "chain", "books", "difference", "unit")
COLUMNS: Final = (
    "case", "kind", "state", "txid", "block", "block_time", "chain_log_index", "chain_from", "chain_to",
    "chain_amount", "chain_fee_trx", "books_payout", "books_attempt", "books_amount_usdt", "books_trx",
    "books_rows", "difference", "unit", "still_off_usdt", "still_off_trx", "explanation", "closed_by",
    "confirmed_by",
)  # fmt: skip
POSTED: Final = ("ledger_row", "kind", "at", "debit", "credit", "amount", "unit", "txid", "payout", "note")


def lines(run: ReconciliationRun) -> Iterator[str]:
    """The report, line by line, each ending in CRLF."""
    writer = csv.writer(_Echo())
    for row in rows(run):
        yield str(writer.writerow([neutral(cell) for cell in row]))


def rows(run: ReconciliationRun) -> Iterator[tuple[object, ...]]:
    """Three tables, each under its heading and an empty line between: figures, cases, ledger rows checked."""
    yield ("reconciliation", run.pk)
    yield ("result", run.get_state_display())
    yield ("detail", run.detail)
    yield ("started_by", run.actor_label)
    yield ("started", _moment(run.started_at))
    yield ("ended", _moment(run.ended_at))
    yield ("first_block", _whole(run.from_block))
    yield ("last_block", _whole(run.to_block))
    yield ("last_block_id", run.to_block_id)
    yield ("transactions_checked", run.transactions_checked)
    yield ("blocks_read", run.blocks_read)
    yield ("zero_value_logs", run.zero_value_logs)
    yield ("node_calls", run.node_calls)
    yield ()
    yield FIGURES
    yield from _figures(run)
    yield ()
    yield COLUMNS
    for case in run.cases.order_by("pk"):
        yield from _case(case)
    yield ()
    yield POSTED
    yield from _posted(run)


def neutral(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula. Figures of ours stay figures."""
    return cells.neutral(cell) if isinstance(cell, str) else cell


def _figures(run: ReconciliationRun) -> Iterator[tuple[object, ...]]:
    for name, chain, expected, unit in (
        ("treasury", run.chain_usdt, run.books_usdt, Currency.USDT),
        ("treasury", run.chain_trx, run.books_trx, Currency.TRX),
    ):
        if chain is not None and expected is not None:
            yield name, to_decimal(chain), to_decimal(expected), to_decimal(chain - expected), unit.value
    yield "booked_as_deposit", to_decimal(run.booked_usdt), "", "", Currency.USDT.value
    yield "booked_as_deposit", to_decimal(run.booked_trx), "", "", Currency.TRX.value


def _case(case: ReconciliationCase) -> Iterator[tuple[object, ...]]:
    off = cases.correction(case)
    transfers: Iterable[dict[str, object]] = case.chain.get("transfers") or [{}]
    for transfer in transfers:
        amount = transfer.get("amount", case.chain.get("balance"))
        yield (
            case.pk,
            case.kind,
            case.state,
            case.txid,
            _whole(case.block_number),
            _moment(case.block_time),
            transfer.get("log_index", ""),
            transfer.get("from", ""),
            transfer.get("to", ""),
            to_decimal(amount) if isinstance(amount, int) else "",
            to_decimal(case.chain["fee"]) if "fee" in case.chain else "",
            case.books.get("payout_id", ""),
            case.books.get("attempt") or "",
            to_decimal(case.books["usdt"]) if "usdt" in case.books else "",
            to_decimal(case.books["trx"]) if "trx" in case.books else "",
            " ".join(str(row) for row in case.books.get("rows", ())),
            to_decimal(case.difference),
            case.currency,
            to_decimal(off.usdt),
            to_decimal(off.trx),
            case.explanation,
            case.closed_by_label,
            case.confirmed_by_label,
        )


def _posted(run: ReconciliationRun) -> Iterator[tuple[object, ...]]:
    for row in checked_rows(run):
        yield (
            row.pk,
            row.kind,
            _moment(row.at),
            row.debit.name,
            row.credit.name,
            to_decimal(row.amount),
            row.debit.currency,
            row.txid,
            row.payout.payout_id if row.payout else "",
            row.note,
        )


def checked_rows(run: ReconciliationRun) -> Iterator[LedgerTransfer]:
    """The posted ledger rows that the run compared, oldest first, a few at a time."""
    if run.rows_to is not None:
        rows = books.posted().filter(pk__gt=run.rows_from or 0, pk__lte=run.rows_to)
    elif run.from_block is not None and run.to_block is not None:
        rows = books.posted_of_blocks(run.from_block, run.to_block)
    else:
        return
    yield from rows.select_related("debit", "credit", "payout").order_by("pk").iterator(chunk_size=500)


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def _whole(number: int | None) -> object:
    return "" if number is None else number


class _Echo:
    """A file that hands back what is written: `csv` formats, nobody collects."""

    def write(self, text: str) -> str:
        return text
