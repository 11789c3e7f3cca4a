"""`manage.py reconcile`: compare chain and books now, and say what differs. See docs/reconciliation.md.

Ends with status 1 where differences are open, and 2 where no answer could be had.
"""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lucid_payments.money import format_usdt
from payouts.models.reconciliation import OPEN_RUN, ReconciliationRun, RunState, RunTrigger
from payouts.reconciliation import report, running, runs
from payouts.reconciliation.runs import Range

_STATUS = {RunState.CLEAN: 0, RunState.DIFFERENCES: 1, RunState.INCONCLUSIVE: 2}
_TURN_SECONDS = 3600.0


class Command(BaseCommand):
    help = "Compare the treasury's final transfers and balances on chain with the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            dest="first",
            type=place,
            help="read every block from this one: a number, or a day or time (UTC)",
        )
        parser.add_argument(
            "--to", dest="last", type=place, help="up to this block, or to this time, not included"
        )
        parser.add_argument("--csv", type=Path, help="write the report into this file")

    def handle(self, *args: Any, **options: Any) -> None:
        run = runs.ask(
            RunTrigger.COMMAND,
            actor=None,
            actor_label=f"command line ({getpass.getuser()})",
            wanted=_range(options["first"], options["last"]),
        )
        self._finish(run)
        if options["csv"]:
            with options["csv"].open("w", newline="", encoding="utf-8") as file:
                file.writelines(report.lines(run))
        self._say(run)
        status = _STATUS[RunState(run.state)]
        if status:
            sys.exit(status)

    def _finish(self, run: ReconciliationRun) -> None:
        """Work until this run is over; a worker may be at another one, or at this."""
        while run.state in OPEN_RUN:
            if running.work(seconds=_TURN_SECONDS) is None:
                time.sleep(1)
            run.refresh_from_db()

    def _say(self, run: ReconciliationRun) -> None:
        self.stdout.write(f"{run}: {run.get_state_display()}. {run.detail}".rstrip())
        self.stdout.write(
            f"Blocks {run.from_block} to {run.to_block}; {run.transactions_checked} transactions checked, "
            f"{run.blocks_read} blocks read, {run.node_calls} calls to nodes."
        )
        for chain, books, booked, unit in (
            (run.chain_usdt, run.books_usdt, run.booked_usdt, "USDT"),
            (run.chain_trx, run.books_trx, run.booked_trx, "TRX"),
        ):
            if chain is not None and books is not None:
                deposit = f"; {format_usdt(booked)} booked as deposit" if booked else ""
                self.stdout.write(
                    f"Treasury: {format_usdt(chain)} {unit} on chain, {format_usdt(books)} in the books{deposit}"
                )
        for case in run.cases.order_by("pk"):
            self.stdout.write(
                f"Case {case.pk}: {case.get_kind_display()}, {format_usdt(case.difference)} {case.currency} {case.txid}"
            )


def place(text: str) -> int | datetime:
    """A block's number, or a moment in UTC such as 2026-11-01 or 2026-11-01T12:00."""
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a block's number nor a time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _range(first: int | datetime | None, last: int | datetime | None) -> Range | None:
    if first is None and last is None:
        return None
    return Range(
        from_block=first if isinstance(first, int) else None,
        to_block=last if isinstance(last, int) else None,
        from_time=first if isinstance(first, datetime) else None,
        to_time=last if isinstance(last, datetime) else None,
    )
