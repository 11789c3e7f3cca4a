"""What must hold after every row: the chain, the payouts, the ledger, the windows and the alarms tell one story."""

from __future__ import annotations

from collections import Counter

from tests.faults.rig import OVER, Rig
from tests.faults.row import Result, Row

BY_HAND = "EXISTS (SELECT 1 FROM payouts_manualcase c WHERE c.payout_id = p.id AND c.\"end\" = 'booked')"


def measure(rig: Rig, row: Row, wrong: str = "") -> Result:
    """Counted from the devnet's books and ours, whatever the row expected."""
    received = Counter(transfer["to"] for transfer in rig.outgoing())
    statuses = rig.statuses()
    (seconds,) = rig.one(
        "SELECT coalesce(extract(epoch FROM max(coalesce(p.ended_at, a.resolved_at)) - min(p.created_at)), 0)::int"
        " FROM payouts_payout p LEFT JOIN payouts_attempt a ON a.payout_id = p.id WHERE p.payout_id = ANY(%s)",
        rig.ids(),
    )
    return Result(
        row=row,
        paid=sum(received[asked.recipient] == 1 for asked in rig.asked),
        failed=statuses["failed"],
        duplicates=sum(max(0, received[asked.recipient] - 1) for asked in rig.asked),
        stuck=sum(count for status, count in statuses.items() if status not in OVER),
        human_acts=human_acts(rig),
        chain_seconds=seconds,
        wrong=wrong,
    )


def human_acts(rig: Rig) -> int:
    """What people did since the row began; asking for payouts is the service account's."""
    (count,) = rig.one(
        "SELECT count(*) FROM audit_auditentry WHERE id > %s AND actor_id IS NOT NULL AND actor_label <> 'service'",
        rig.first_audit_entry,
    )
    return int(count)


def check(rig: Rig, row: Row) -> None:
    """Raises AssertionError where the books differ, or something that the row doesn't expect is left."""
    _chain_and_payouts(rig, row.taken)
    _ledger(rig, row.taken)
    _windows(rig)
    assert human_acts(rig) == row.human_acts, "people had to act"
    assert rig.alarms() - rig.standing_alarms == row.alarms, rig.explain()
    if not row.spoils:
        clean(rig)


def clean(rig: Rig) -> None:
    """Nothing of this row is left for the next one."""
    assert not rig.query("SELECT 1 FROM routers_killswitch WHERE pulled"), rig.explain()
    assert not rig.query("SELECT 1 FROM routers_breaker WHERE state <> 'closed'"), rig.explain()
    assert not rig.query("SELECT 1 FROM payouts_signerstate WHERE locked_reason <> ''"), rig.explain()
    assert not rig.query("SELECT 1 FROM payouts_chainstate WHERE quarantine <> '{}' OR foreign_txid <> ''")
    assert not rig.query("SELECT 1 FROM payouts_payout WHERE NOT status = ANY(%s)", list(OVER)), rig.explain()
    assert not rig.devnet.faults(), rig.devnet.faults()


def _chain_and_payouts(rig: Rig, taken: int) -> None:
    """Value left the treasury by exactly the transactions that ended payouts and sweeps, each to whom it was owed."""
    in_hands = _in_hands(rig)
    on_chain = Counter(
        (transfer["txid"], transfer["to"], transfer["amount"])
        for transfer in rig.outgoing()
        if transfer["txid"] not in in_hands
    )
    owed = rig.query(
        "SELECT a.txid, p.recipient_address, p.amount"
        " FROM payouts_payout p JOIN payouts_attempt a ON a.payout_id = p.id"
        f" WHERE p.status = 'confirmed' AND a.state = 'succeeded' AND NOT {BY_HAND}"
    )
    owed += rig.query(
        "SELECT t.txid, s.destination, t.amount FROM payouts_sweeptransfer t JOIN payouts_sweep s ON s.id = t.sweep_id"
        " WHERE t.state = 'succeeded' AND t.currency = 'USDT'"
    )
    beside = on_chain - Counter(owed)
    assert not Counter(owed) - on_chain, "booked, and not paid"
    assert sum(amount * count for (_, _, amount), count in beside.items()) == taken, beside
    without = (
        "SELECT count(*) FROM payouts_payout WHERE status = 'failed' AND coalesce(failure_message, '') = ''"
    )
    assert rig.one(without) == (0,), "failed without a reason"
    live = (
        "SELECT count(*) FROM payouts_attempt a JOIN payouts_payout p ON p.id = a.payout_id"
        " WHERE p.status = ANY(%s) AND a.state IN ('prepared', 'signed', 'sent', 'included')"
    )
    assert rig.one(live, list(OVER)) == (0,), "an ended payout with a live attempt"


def _in_hands(rig: Rig) -> set[str]:
    """Transactions that paid otherwise than asked: people decide about them, or have."""
    rows = rig.query(
        "SELECT a.txid FROM payouts_payout p JOIN payouts_attempt a ON a.payout_id = p.id"
        f" WHERE (p.status = 'manual' OR {BY_HAND}) AND a.state = 'succeeded'"
    )
    return {txid for (txid,) in rows}


def _left_by_hand(rig: Rig) -> int:
    """Base units that left the treasury, by the chain, for payouts that two people have ended: fees too."""
    rows = rig.query(
        "SELECT a.txid FROM payouts_payout p JOIN payouts_attempt a ON a.payout_id = p.id"
        f" WHERE {BY_HAND} AND a.state = 'succeeded'"
    )
    ended = {txid for (txid,) in rows}
    return sum(transfer["amount"] for transfer in rig.outgoing() if transfer["txid"] in ended)


def _ledger(rig: Rig, taken: int) -> None:
    """Balanced, nothing pending but what is in people's hands, and equal to the chain, to the base unit and the sun."""
    (in_hands,) = rig.one(
        "SELECT coalesce(sum(amount), 0)::bigint FROM payouts_payout WHERE status = 'manual'"
    )
    for currency, debits, credits, pending in rig.query(
        "SELECT currency, sum(debits_posted), sum(credits_posted), sum(credits_pending) FROM payouts_ledgeraccount"
        " GROUP BY 1"
    ):
        assert debits == credits, f"{currency} isn't balanced"
        assert pending == (in_hands if currency == "USDT" else 0), f"{currency} is still reserved"
    posted = dict(
        rig.query("SELECT name, (debits_posted - credits_posted)::bigint FROM payouts_ledgeraccount")
    )
    usdt, trx_sun = rig.holdings()
    assert posted["treasury"] - in_hands - taken == usdt, "USDT: books and chain differ"
    if taken:
        return  # whoever took it burned TRX of ours, too
    assert posted["treasury_trx"] == trx_sun, "TRX: books and chain differ"


def _windows(rig: Rig) -> None:
    """Each kind of window has counted what was paid, and holds nothing back for what wasn't."""
    (as_asked,) = rig.one(
        f"SELECT coalesce(sum(amount), 0)::bigint FROM payouts_payout p WHERE status = 'confirmed' AND NOT {BY_HAND}"
    )
    paid = as_asked + _left_by_hand(rig)
    (in_hands,) = rig.one(
        "SELECT coalesce(sum(amount), 0)::bigint FROM payouts_payout WHERE status = 'manual'"
    )
    for scope, period, posted, reserved in rig.query(
        "SELECT scope, period, sum(posted), sum(reserved) FROM routers_limitwindow GROUP BY 1, 2"
    ):
        told = f"{scope} {period}: windows and payouts differ: {(posted, reserved)}, {(paid, in_hands)}"
        assert (posted, reserved) == (paid, in_hands), told
