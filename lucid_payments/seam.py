"""The one fault seam: named points just before and just after each commit and each network call of a payout's flow.

A point does nothing. In demo and test alone, a process that was told of a folder (`FAULT_POINTS_FOLDER`) looks there
at each point for an order with the point's name: how every one of them is proven to be a place where a process may
die. Staging and production refuse to start with such a folder (lucid.E014), and `point` then asks nobody.

Standard library alone: whoever makes a network call stands on this, the TRON service included.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# What lies between `<name>.before` and `<name>.after`, in the order of a payout's way.
STEPS: Final = {
    # A request
    "request": "the commit of a request with its idempotency record",
    "create": "the commit of a new payout",
    "create_batch": "the commit of a batch of new payouts",
    "submit_file": "the commit of a file's payouts",
    "cancel": "the commit of a cancellation",
    "nudge": "the message to the broker that wakes a task",
    # The watcher
    "wallet.getblock": "asking a node for its head",
    "walletsolidity.getblock": "asking a node for its solid head",
    "reading": "the commit of the shared reading of the heads",
    "wallet.getblockbynum": "asking a node for a head block",
    "walletsolidity.getblockbynum": "asking a node for a solid block",
    "wallet.getaccount": "asking a node for the treasury's TRX",
    "wallet.getaccountresource": "asking a node for the treasury's energy",
    "holdings": "the commit of what the treasury holds",
    "statement": "the commit of the watcher's statement",
    "inflow": "the commit of a top-up's booking",
    # The release loop
    "open_slots": "the commit that opens slots of the schedule",
    "end_slots": "the commit that ends slots of the schedule",
    "hold": "the commit of a hold's reason",
    "wallet.getchainparameters": "asking a node for its prices",
    "preflight": "asking nodes about the recipients",
    "wallet.triggerconstantcontract": "asking a node what the token's contract says",
    "release": "the commit of reservations and prepared attempts",
    "withdraw": "the commit of a withdrawal before signing",
    # A sweep of the treasury
    "sweep_begun": "the commit of a sweep's beginning",
    "sweep_prepared": "the commit of a sweep's next transfer, its bytes fixed",
    "sweep_signed": "the commit of a sweep's signature",
    "sweep_claimed": "the commit that marks a sweep's transfer as sent, before a byte leaves",
    "sweep_settled": "the commit of what a sweep moved, and its booking",
    "sweep_dead": "the commit of a sweep's transfer that can never land",
    "sweep_ended": "the commit of a sweep's end",
    # The signer
    "heartbeat": "the commit of its sign of life",
    "compare": "the commit of what its journal knew and the database didn't",
    "journal": "the append to the journal, with its fsync",
    "sign": "the commit of the signatures",
    # The sender
    "claim": "the commit that marks attempts as sent, before a byte leaves",
    "wallet.broadcasthex": "handing the bytes to a node",
    "answers": "the commit of the nodes' answers",
    # The watcher again
    "include": "the commit of a sighting in a head block",
    "take_out": "the commit that takes attempts out of a replaced block",
    "head_scan": "the commit of how far head blocks are read",
    "walletsolidity.gettransactioninfobyblocknum": "asking a node for a solid block's outcomes",
    "walletsolidity.gettransactioninfobyid": "asking a node for one outcome",
    "walletsolidity.gettransactionbyid": "asking a node for one transaction",
    "posting": "the ledger's posting inside a success, not yet committed",
    "succeed": "the commit of a success",
    "revert": "the commit of a revert",
    "absence": "the commit of the first time an attempt was found absent",
    "dead": "the commit of a death",
    "set_aside": "the commit of a success other than the one asked for",
    "solid_scan": "the commit of how far solid blocks are read",
    "orphan": "the commit of what became of a signature without a payout",
    "unlock": "the commit that unlocks the signer",
    # The monthly distribution
    "draw_line": "the commit of the line between what a run sees and what it doesn't",
    "freeze": "the commit of a run's inputs and entitlements",
    "compute": "the commit of a run's shares",
    "pay_chunks": "the commit of a run's next payouts",
    "settle_run": "the commit of a run that is over",
}  # fmt: skip
POINTS: Final = tuple(f"{step}.{moment}" for step in STEPS for moment in ("before", "after"))

_listener: Callable[[str], None] | None = None


def point(name: str) -> None:
    """A place where a process may die. Does nothing unless a test listens."""
    if _listener is not None:
        _listener(name)


@contextmanager
def between(step: str) -> Iterator[None]:
    """The points before and after one of STEPS; the second is reached when nothing was raised."""
    point(f"{step}.before")
    yield
    point(f"{step}.after")


def listen(listener: Callable[[str], None] | None) -> None:
    """Have `listener` told of each point's name; None: nobody."""
    global _listener
    _listener = listener


class Fault(Exception):
    """What the order `raise` raises: an error that no code of ours expects."""


class Orders:
    """Orders are files in `folder`: named after a point and holding `die`, `pause` or `raise`.

    Each is carried out once, by whichever process comes first: it renames the file to `<point>.<pid>`. `die` is
    SIGKILL to the process itself; `pause` lasts until the renamed file is removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> None:
        taken = self._folder / f"{name}.{os.getpid()}"
        try:
            (self._folder / name).rename(taken)
            order = taken.read_text().strip()
        except OSError:
            return
        if order == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "raise":
            raise Fault(name)
        while order == "pause" and taken.exists():
            time.sleep(0.02)
