"""Two nodes that tell different stories: one lags, lies, forges or stands on another fork."""

from __future__ import annotations

from tests.faults.node_answers import BROADCAST, by_first_attempts, by_second_attempts
from tests.faults.rig import Rig
from tests.faults.row import Act, Row

BY_ID = ("walletsolidity/gettransactioninfobyid", "walletsolidity/gettransactionbyid")
BY_BLOCK = "walletsolidity/gettransactioninfobyblocknum"
LOOK_UPS = "walletsolidity/get*by*"
ON_NO_SINGLE_WORD = "nothing is decided on one node's word; paid once"


def lags(node: int) -> Act:
    def disturb(rig: Rig) -> None:
        rig.devnet.lag(node, 200)

    return disturb


def forges(node: int) -> Act:
    """No block will ever hold them, and this node says that one does."""

    def disturb(rig: Rig) -> None:
        rig.fault("hold", BROADCAST)
        rig.fault("forge_success", *BY_ID, node=node)

    return disturb


def not_found(rig: Rig, node: int, calls: int | None = None) -> None:
    rig.fault("empty", *BY_ID, BY_BLOCK, node=node, calls=calls)


ROWS = [
    *(
        Row(
            name=f"node {node + 1} of two lags 200 blocks for ten minutes",
            expected=ON_NO_SINGLE_WORD,
            strikes="sent",
            disturb=lags(node),
            lasts=600,
            expect=by_first_attempts,
        )
        for node in (0, 1)
    ),
    Row(
        name="one of two nodes lags 200 blocks, before anything is released",
        expected="held, with the nodes as reason, then paid once",
        disturb=lags(1),
        lasts=600,
        expect=by_first_attempts,
    ),
    Row(
        name="one of two nodes says «not found» forty times",
        expected="the liar is quarantined, then asked again; paid once",
        strikes="sent",
        disturb=lambda rig: not_found(rig, 1, calls=40),
        lasts=300,
        expect=by_first_attempts,
    ),
    Row(
        name="one of two nodes says «not found» for half an hour",
        expected="the liar stays quarantined and nothing is decided; paid once when it tells the truth",
        strikes="sent",
        disturb=lambda rig: not_found(rig, 0),
        lasts=1800,
        expect=by_first_attempts,
    ),
    *(
        Row(
            name=f"node {node + 1} of two forges a success of what no block holds",
            expected="no payout is confirmed by it; dead by the rule, paid by the next attempt",
            disturb=forges(node),
            lasts=300,
            expect=by_second_attempts,
            daily=node == 0,
        )
        for node in (0, 1)
    ),
    Row(
        name="one of two nodes forges a revert",
        expected="no payout is tried again for it; paid once",
        strikes="sent",
        disturb=lambda rig: rig.fault("forge_revert", *BY_ID, BY_BLOCK, node=0),
        lasts=300,
        expect=by_first_attempts,
    ),
    Row(
        name="one of two nodes is on another fork",
        expected="nothing is decided while they differ; paid once",
        strikes="included",
        disturb=lambda rig: rig.devnet.fork(1, blocks=1),
        lasts=600,
        expect=by_first_attempts,
    ),
    Row(
        name="a balancer answers heads from fresh machines and look-ups from stale ones",
        expected="what stale machines don't find proves nothing; paid once, by the first attempt",
        strikes="sent",
        disturb=lambda rig: rig.fault("stale", LOOK_UPS, "wallet/getblockbynum", blocks=120),
        lasts=420,
        expect=by_first_attempts,
        daily=True,
    ),
    Row(
        name="a balancer answers blocks from fresh machines and transactions from stale ones",
        expected="the scan's word against the look-ups': nobody is called dead; paid once",
        strikes="sent",
        disturb=lambda rig: rig.fault("stale", "walletsolidity/gettransaction*", blocks=120),
        lasts=420,
        expect=by_first_attempts,
    ),
]
