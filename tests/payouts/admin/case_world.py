"""Cases of every kind with what was searched, as the watcher, a worker and people would have left them."""

from __future__ import annotations

from typing import Any

from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.models import Attempt, ChainSearch, ChainState, Evidence, ManualCase
from tests.payouts.admin import world

FIRST_BLOCK = 69_999_700
TXID = "9f" * 32


def node(name: str, **changes: Any) -> dict[str, Any]:
    """A node's words: it was asked, and didn't find it."""
    run = {"first": FIRST_BLOCK, "last": FIRST_BLOCK + 62, "linked": True, "holds": None, "expired_at": 1}
    return {
        "node": name, "operator": f"operator of {name}", "error": "", "solid_block": world.HEAD - 18,
        "control_found": True, "by_id": False, "found_in": None, "result": "", "blocks": run, **changes,
    }  # fmt: skip


def evidence(
    case: ManualCase, conclusion: str, sentence: str, told: list[Any], asked_by: User | None = None, **facts: Any
) -> Evidence:  # fmt: skip
    search = ChainSearch.objects.create(
        case=case, first_block=case.first_block, last_block=case.last_block, nodes=["node1", "node2"],
        asked_by=asked_by, reason="node2 is away for good" if asked_by else "",
        elsewhere="tronscan.org, the same blocks: it isn't there" if asked_by else "",
    )  # fmt: skip
    return Evidence.objects.create(
        search=search, conclusion=conclusion, sentence=sentence, told=told, facts=facts, at=clock.now()
    )


def unresolved(service: User, admin: User | None = None) -> ManualCase:
    """Expired unseen, with one operator away; searched by the system, and by `admin` with a source of their own."""
    attempt = world.attempt(world.payout(service, "sent"), "sent")
    ChainState.objects.update(solid_time_ms=attempt.expiration_ms + 1_000_000)
    case = _case(
        "unresolved", attempt, FIRST_BLOCK, None,
        "Attempt 1 expired at 2026-11-18 10:23:03 UTC, and two providers prove neither that it is in a final block"
        " nor that it can never be.",
    )  # fmt: skip
    away = node("node2", error="NO_CONNECTION: node2: The node can't be reached.", blocks=None)
    few = "Only 1 of 2 operators answered: say which other source you searched, and what it showed."
    evidence(case, "unanswered", few, [node("node1"), away])
    if admin is not None:
        gone = "It is in no final block and can't come into one any more, by the word of node1."
        evidence(case, "never", gone, [node("node1"), away], admin)
    return case


def paid_differently(service: User) -> ManualCase:
    """The token's fee took a part of it."""
    payout = world.payout(service, "manual", "manual", amount=100_000_000)
    attempt = world.attempt(payout, "prepared")
    Attempt.objects.filter(pk=attempt.pk).update(
        state="succeeded", signed_transaction=b"signed", block_number=FIRST_BLOCK, block_id="ab" * 32, result="SUCCESS"
    )  # fmt: skip
    sentence = "Its transaction is in a final block, but didn't do exactly what was asked."
    case = _case("paid_differently", attempt, FIRST_BLOCK, FIRST_BLOCK, sentence)
    found = {"found_in": FIRST_BLOCK, "result": "SUCCESS", "by_id": True}
    evidence(
        case, "paid_differently",
        f"Final block {FIRST_BLOCK} holds it, with the result SUCCESS."
        " The token's fee is switched on: part of the amount went to somebody else.",
        [node("node1", **found), node("node2", **found)],
        moved=[[payout.recipient_address, 99_900_000], [world.OTHER_RECIPIENT, 100_000]],
        outcome={"block_id": "ab" * 32},
    )  # fmt: skip
    return case


def unknown_transfer() -> ManualCase:
    """Only the balance told; the search found it."""
    case = ManualCase.objects.create(
        kind="unknown_transfer", amount=7_000_000, first_block=FIRST_BLOCK, last_block=FIRST_BLOCK + 60,
        sentence="7.00 USDT left the treasury that our ledger doesn't explain.",
    )  # fmt: skip
    leaving = {
        "txid": TXID, "block_number": FIRST_BLOCK + 9, "block_id": "cd" * 32, "result": "SUCCESS",
        "moved": [[world.OTHER_RECIPIENT, 7_000_000]], "trx": 0, "fee": 13_844_850,
    }  # fmt: skip
    told = [
        {"node": name, "operator": name, "error": "", "unknown": [TXID], "balance": 24_993_000_000}
        for name in ("node1", "node2")
    ]
    evidence(
        case, "unknown_found", "One transaction left the treasury that isn't in our books.", told,
        unknown=[leaving], lowest_balance=24_993_000_000,
    )  # fmt: skip
    return case


def _case(kind: str, attempt: Attempt, first: int, last: int | None, sentence: str) -> ManualCase:
    case: ManualCase = ManualCase.objects.create(
        kind=kind, payout=attempt.payout, attempt=attempt, txid=attempt.txid, amount=attempt.amount,
        sentence=sentence, first_block=first, last_block=last,
    )  # fmt: skip
    return case
