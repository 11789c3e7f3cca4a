"""What must hold after each step, by the chain's own books and not by ours. Each failure names its sentence."""

from __future__ import annotations

from collections import Counter

from payouts.models import LedgerAccount, LedgerTransfer, NodeAnswer, PayoutSlot
from payouts.models.attempt import IN_FLIGHT
from payouts.tron import encoding
from routers import killswitch
from routers.models import LimitWindow
from tests.payouts.flow.machine.witness import NEVER_PAYS, Facts, Witness

LIVE = frozenset((*IN_FLIGHT, "included"))
ON_THE_WIRE = frozenset(("sent", "included", "succeeded"))
# Twenty solid blocks of three seconds: what the second look of sentence 5 waits for.
SECOND_LOOK_MS = 60_000
FRESH_MS = 60_000
NODES = 2


def check(facts: Facts, witness: Witness) -> None:
    """Everything at once, the most terrible first."""
    nobody_is_paid_twice(facts, witness)
    what_is_over_never_lands(facts, witness)
    dead_was_proven(facts, witness)
    confirmed_stands_on_chain(facts, witness)
    one_live_attempt(facts)
    txids_are_ours(facts)
    signed_is_journalled(facts)
    the_wire_comes_last(facts, witness)
    a_pulled_switch_stops(facts, witness)
    a_stopped_slot_stops(facts)
    theft_stops_the_signer(facts, witness)
    a_restore_locks_the_signer(facts, witness)
    the_ledger_balances(facts)
    windows_hold_what_is_promised(facts)


def nobody_is_paid_twice(facts: Facts, witness: Witness) -> None:
    """Every transfer is one that we signed, or stolen; each payout has one at most, of what was asked."""
    paid: dict[str, str] = {}
    for txid, rows in facts.left.items():
        if txid in witness.stolen:
            continue
        payout = witness.carries.get(txid)
        assert payout, f"left the treasury, and nobody knows its txid: {txid}"
        assert payout not in paid, f"PAID TWICE: {payout} by {paid[payout]} and {txid}"
        paid[payout] = txid
        to, amount = witness.order[payout]
        assert sum(row["amount"] for row in rows) == amount
        assert to in {row["to"] for row in rows}


def what_is_over_never_lands(facts: Facts, witness: Witness) -> None:
    for txid, why in witness.buried.items():
        assert txid not in facts.left, f"called {why}, and on chain: {txid}"
    # What only the journal knows is an orphan's, and a caller may have called its payout off meanwhile.
    signed = {attempt.txid for attempt in facts.attempts if attempt.signed_transaction is not None}
    for payout in facts.payouts.values():
        if payout.status in ("failed", "cancelled", "rejected"):
            landed = [t for t in facts.left if witness.carries.get(t) == payout.payout_id and t in signed]
            assert not landed, f"called {payout.status}, and on chain: {payout}"


def dead_was_proven(facts: Facts, witness: Witness) -> None:
    """Sentence 5: never before a solid block past the expiration, and twenty more."""
    for attempt in facts.attempts:
        if attempt.state == "dead" and attempt.txid not in witness.buried:
            assert facts.solid_ms >= attempt.expiration_ms + SECOND_LOOK_MS, f"dead too early: {attempt}"


def confirmed_stands_on_chain(facts: Facts, witness: Witness) -> None:
    confirmed = {p.payout_id: p for p in facts.payouts.values() if p.status == "confirmed"}
    assert witness.confirmed <= confirmed.keys(), "a confirmation was taken back"
    paid_by = {attempt.payout_id: attempt for attempt in facts.attempts if attempt.state == "succeeded"}
    for payout in confirmed.values():
        txid = paid_by[payout.pk].txid
        rows = [(row["to"], row["amount"], row["solid"]) for row in facts.left.get(txid, [])]
        assert rows == [(payout.recipient_address, payout.amount, True)], (
            f"confirmed, and not so on chain: {rows}"
        )


def one_live_attempt(facts: Facts) -> None:
    live = Counter(attempt.payout_id for attempt in facts.attempts if attempt.state not in NEVER_PAYS)
    assert not live or max(live.values()) == 1, "two live attempts of one payout"


def txids_are_ours(facts: Facts) -> None:
    for attempt in facts.attempts:
        assert attempt.txid == encoding.txid(bytes(attempt.raw_data)), "a txid that isn't that of our bytes"


def signed_is_journalled(facts: Facts) -> None:
    lines = {entry.txid for entry in facts.journal}
    for attempt in facts.attempts:
        if attempt.signed_transaction is not None:
            assert attempt.txid in lines, f"signed without a line in the journal: {attempt}"
            assert attempt.state != "withdrawn", f"withdrawn, though it was signed: {attempt}"


def the_wire_comes_last(facts: Facts, witness: Witness) -> None:
    """Sentence 2: no byte left for a node before the books, committed, called it sent.

    A restored database may have forgotten that it did.
    """
    if witness.restores:
        return
    claimed = sum(attempt.sends for attempt in facts.attempts) * NODES
    assert facts.broadcasts <= claimed + len(witness.stolen), "broadcast before it was committed"
    for attempt in facts.attempts:
        if attempt.txid in facts.left:
            assert attempt.state in ON_THE_WIRE, f"on chain, and our books call it {attempt.state}"


def a_pulled_switch_stops(facts: Facts, witness: Witness) -> None:
    if witness.stopped is not None and killswitch.is_pulled():
        now = (len(facts.journal), NodeAnswer.objects.count())
        assert now == witness.stopped, "signed or sent while the kill switch is pulled"


def a_stopped_slot_stops(facts: Facts) -> None:
    """Before its time, and after people have stopped it, nothing of a slot is prepared, let alone signed."""
    shut = PayoutSlot.objects.exclude(state="releasing").in_bulk()
    for attempt in facts.attempts:
        slot = shut.get(attempt.payout.slot_id)
        if slot is None or slot.state == "done":
            continue
        before = slot.stopped_at is not None and attempt.created_at <= slot.stopped_at
        stopped = before and attempt.state != "prepared"
        assert stopped, f"prepared, though its slot isn't open: {attempt}"


def theft_stops_the_signer(facts: Facts, witness: Witness) -> None:
    """Sentence 9: the last statement before the theft is good for a minute, and no later one is made."""
    latest = max((entry.time_ms for entry in facts.journal), default=0)
    for row in (row for txid in witness.stolen for row in facts.left.get(txid, [])):
        assert latest <= row["block_timestamp"] + FRESH_MS, (
            "signed though money left that isn't in our ledger"
        )


def a_restore_locks_the_signer(facts: Facts, witness: Witness) -> None:
    """Sentence 8: nothing is signed before all that the restore lost must have landed or expired."""
    for entry in facts.journal[witness.lines_before :]:
        assert all(entry.time_ms >= expired for expired in witness.lost.values()), "signed while locked"


def the_ledger_balances(facts: Facts) -> None:
    """Each account's totals are the sums of its transfers, and both sides are equal in each currency."""
    sums: Counter[tuple[int, str]] = Counter()
    ended = set(LedgerTransfer.objects.exclude(pending=None).values_list("pending_id", flat=True))
    for row in LedgerTransfer.objects.all():
        if row.kind in ("post", "direct"):
            sums[row.debit_id, "debits_posted"] += row.amount
            sums[row.credit_id, "credits_posted"] += row.amount
        elif row.kind == "pending" and row.pk not in ended:
            sums[row.debit_id, "debits_pending"] += row.amount
            sums[row.credit_id, "credits_pending"] += row.amount
    sides: Counter[str] = Counter()
    for account in LedgerAccount.objects.all():
        for name in ("debits_posted", "credits_posted", "debits_pending", "credits_pending"):
            total = getattr(account, name)
            assert total == sums[account.pk, name], f"{account} {name} isn't the sum of its transfers"
            sides[f"{account.currency} {name}"] += total
        if account.name == "treasury":
            assert account.debits_posted - account.credits_posted - account.credits_pending >= 0
            assert account.credits_pending == _promised(facts), "reserved isn't what live attempts hold"
    for currency in ("USDT", "TRX"):
        for kind in ("posted", "pending"):
            assert sides[f"{currency} debits_{kind}"] == sides[f"{currency} credits_{kind}"]


def windows_hold_what_is_promised(facts: Facts) -> None:
    reserved: Counter[int] = Counter()
    posted: Counter[int] = Counter()
    for attempt in facts.attempts:
        in_hands = attempt.state == "succeeded" and attempt.payout.status == "manual"
        side = reserved if attempt.state in LIVE or in_hands else posted
        if attempt.state not in NEVER_PAYS:
            side.update(dict.fromkeys(attempt.windows, attempt.amount))
    for window in LimitWindow.objects.all():
        told = (window.reserved, window.posted)
        assert told == (reserved[window.pk], posted[window.pk]), f"a window counts {told}"


def _promised(facts: Facts) -> int:
    """What is reserved: live attempts, and what was paid differently and lies in people's hands."""
    return sum(
        attempt.amount
        for attempt in facts.attempts
        if attempt.state in LIVE or (attempt.state == "succeeded" and attempt.payout.status == "manual")
    )
