"""`manage.py reconcile`: compare chain and books now, and say what differs; `reconcile rebuild`: lost books anew.

See docs/reconciliation.md. Ends with status 1 where differences are open or something is left to people, and 2 where
no answer could be had.
"""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from lucid_payments import clock, locks
from lucid_payments.locks import AdvisoryLock
from lucid_payments.money import format_usdt
from payouts import chain
from payouts.models.reconciliation import OPEN_RUN, ReconciliationRun, RunState, RunTrigger
from payouts.reconciliation import places, rebuilding, report, running, runs
from payouts.reconciliation.errors import Inconclusive
from payouts.reconciliation.reading import ChainReader

_STATUS = {RunState.CLEAN: 0, RunState.DIFFERENCES: 1, RunState.INCONCLUSIVE: 2}
_TURN_SECONDS = 3600.0
# A watcher's round is over by then.
_WAIT_SECONDS = 60.0


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
        actions = parser.add_subparsers(dest="action")
        rebuild = actions.add_parser("rebuild", help="make lost books anew from a node's blocks")
        rebuild.add_argument(
            "--from",
            dest="first",
            type=place,
            required=True,
            help="the first block, or day or time (UTC), lost",
        )
        rebuild.add_argument("--node", default="", help="read this node's blocks: one of your own")
        rebuild.add_argument("--apply", action="store_true", help="book it; without this it is only told")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "rebuild":
            sys.exit(Rebuild(self.stdout, options).answer())
        run = runs.ask(
            RunTrigger.COMMAND,
            actor=None,
            actor_label=_who(),
            wanted=places.between(options["first"], options["last"]),
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
        for held, books, booked, unit in (
            (run.chain_usdt, run.books_usdt, run.booked_usdt, "USDT"),
            (run.chain_trx, run.books_trx, run.booked_trx, "TRX"),
        ):
            if held is not None and books is not None:
                deposit = f"; {format_usdt(booked)} booked as deposit" if booked else ""
                self.stdout.write(
                    f"Treasury: {format_usdt(held)} {unit} on chain, {format_usdt(books)} in the books{deposit}"
                )
        for case in run.cases.order_by("pk"):
            self.stdout.write(
                f"Case {case.pk}: {case.get_kind_display()}, {format_usdt(case.difference)} {case.currency} {case.txid}"
            )


class Rebuild:
    """Reads, tells, and, when asked to, books; the watcher and reconciliation stand still meanwhile."""

    def __init__(self, out: OutputWrapper, options: dict[str, Any]) -> None:
        self.out = out
        self.options = options
        self.began = time.monotonic()

    def answer(self) -> int:
        """The command's status."""
        names = [node.name for node in chain.pool().nodes]
        if self.options["node"] and self.options["node"] not in names:
            raise CommandError(f"No node is called {self.options['node']!r}; there are {', '.join(names)}.")
        with locks.only_one(AdvisoryLock.RECONCILE) as mine, _watcher_stands() as still:
            if not (mine and still):
                raise CommandError("A reconciliation or the watcher is at work: try again in a minute.")
            try:
                return self._rebuild()
            except Inconclusive as stop:
                self.out.write(f"No answer: {stop} Nothing is booked beyond what is told above.")
                return _STATUS[RunState.INCONCLUSIVE]

    def _rebuild(self) -> int:
        reader = ChainReader()
        first = self.options["first"]
        if isinstance(first, datetime):
            first = reader.block_at(clock.to_ms(first), head=reader.solid_head())
        self.began = time.monotonic()
        made = rebuilding.plan(reader, max(1, first), node=self.options["node"], progress=self._read)
        self._tell(made)
        if made.nothing:
            self.out.write("The books lack nothing.")
            return 0
        if not self.options["apply"]:
            self.out.write("Nothing is booked: give --apply to book it.")
            return 0
        done = rebuilding.apply(made, actor=_who())
        self.out.write(f"{done.settled} settled, {done.recorded} recorded without a payout.")
        for txid in done.left:
            self.out.write(f"Left to people: {txid}")
        return 1 if done.left or made.deposits_usdt < 0 or made.deposits_trx < 0 else 0

    def _read(self, number: int) -> None:
        self.out.write(f"Read to block {number}.")

    def _tell(self, made: rebuilding.Plan) -> None:
        seconds = time.monotonic() - self.began
        self.out.write(
            f"{made.blocks} blocks up to {made.at.block_number} in {seconds:.1f} s, "
            f"{made.blocks / seconds:.0f} a second."
        )
        self.out.write(f"{len(made.lost)} transactions are not in the books as they are on the chain:")
        for line in rebuilding.words(made.lost):
            self.out.write(f"  {line}")
        for amount, unit in ((made.deposits_usdt, "USDT"), (made.deposits_trx, "TRX")):
            if amount > 0:
                self.out.write(f"{format_usdt(amount)} {unit} came in and is not in the books.")
            elif amount < 0:
                self.out.write(f"The books hold {format_usdt(-amount)} {unit} too much: left to people.")


@contextmanager
def _watcher_stands() -> Iterator[bool]:
    """True while the watcher stands still for us: it books what comes in, and settles, too."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        with locks.only_one(AdvisoryLock.WATCH) as mine:
            if mine or time.monotonic() >= until:
                yield mine
                return
        time.sleep(0.05)


def _who() -> str:
    return f"command line ({getpass.getuser()})"


def place(text: str) -> int | datetime | None:
    try:
        return places.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
