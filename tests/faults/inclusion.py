"""Whether, when and with what result a block takes the transactions."""

from __future__ import annotations

from tests.faults.node_answers import BROADCAST, by_first_attempts, by_second_attempts
from tests.faults.rig import Rig
from tests.faults.row import Row, all_paid_once

TRANSACTION_FAILED = "LUCID_ERR_2008"
REVERTED_FIRST = "the fee is booked, all is given back, paid by the next attempt"


def result_of_all(rig: Rig, result: str | None) -> None:
    """What executing the transactions so far gives, from now on."""
    for txid in rig.txids():
        rig.devnet.force_result(txid, result)


def after_a_revert(rig: Rig) -> None:
    all_paid_once(rig)
    assert rig.attempts() == {"reverted": rig.count, "succeeded": rig.count}, rig.explain()


def late_but_in_time(rig: Rig) -> None:
    by_first_attempts(rig)
    (soonest,) = rig.one(
        "SELECT min(extract(epoch FROM a.block_timestamp - a.first_sent_at))::int FROM payouts_attempt a"
        " JOIN payouts_payout p ON p.id = a.payout_id WHERE p.payout_id = ANY(%s)",
        rig.ids(),
    )
    assert 160 <= soonest < 180, f"included {soonest} s after they were sent"


def each_try_of_one_reverts(rig: Rig) -> None:
    """The first payout's transactions revert whenever they are executed; the other nine are left alone."""
    unlucky = rig.asked[0].payout_id
    tries = "SELECT a.txid FROM payouts_attempt a JOIN payouts_payout p ON p.id = a.payout_id WHERE p.payout_id = %s"
    status = "SELECT status FROM payouts_payout WHERE payout_id = %s"
    until = rig.devnet.now_ms() + 2 * 3600 * 1000
    while rig.one(status, unlucky) != ("failed",):
        assert rig.devnet.now_ms() < until, rig.explain()
        for (txid,) in rig.query(tries, unlucky):
            rig.devnet.force_result(txid, "REVERT")
        rig.step(blocks=10)
        rig.turn()


def nine_paid_one_failed(rig: Rig) -> None:
    assert rig.statuses() == {"confirmed": 9, "failed": 1}, rig.explain()
    code, message = rig.one(
        "SELECT failure_code, failure_message FROM payouts_payout WHERE payout_id = %s",
        rig.asked[0].payout_id,
    )
    assert (code, "4 attempts" in message) == (TRANSACTION_FAILED, True), message


ROWS = [
    Row(
        name="accepted and never included",
        expected="dead by the rule after its expiration, paid by the next attempt",
        disturb=lambda rig: rig.fault("hold", BROADCAST),
        lasts=240,
        expect=by_second_attempts,
    ),
    Row(
        name="included after 170 seconds, ten before the expiration",
        expected="the same bytes go out until then; paid once, by the first attempt",
        disturb=lambda rig: rig.fault("hold", BROADCAST),
        lasts=150,
        expect=late_but_in_time,
    ),
    Row(
        name="reverts",
        expected=REVERTED_FIRST,
        strikes="sent",
        disturb=lambda rig: result_of_all(rig, "REVERT"),
        expect=after_a_revert,
    ),
    Row(
        name="out of energy",
        expected=REVERTED_FIRST,
        strikes="sent",
        disturb=lambda rig: result_of_all(rig, "OUT_OF_ENERGY"),
        expect=after_a_revert,
    ),
    Row(
        name="every try of one of them reverts",
        expected="nine paid once; the tenth failed with its reason after four attempts, all given back",
        strikes="sent",
        disturb=each_try_of_one_reverts,
        expect=nine_paid_one_failed,
    ),
]
