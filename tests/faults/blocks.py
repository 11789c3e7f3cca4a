"""Blocks that are replaced, missing, late to be final, or gone back to."""

from __future__ import annotations

from tests.faults.inclusion import after_a_revert, result_of_all
from tests.faults.node_answers import BROADCAST, by_first_attempts, by_second_attempts
from tests.faults.rig import Rig
from tests.faults.row import Row

FORK = 4
BLOCK = ("wallet/getblockbynum", "walletsolidity/getblockbynum")


def reorganise(rig: Rig, returning: str) -> None:
    """Replace the blocks since the transactions came, whose transactions come back `returning`."""
    rig.step(blocks=2)
    rig.turn()
    rig.devnet.reorg(FORK, returning=returning)


def with_another_result(rig: Rig) -> None:
    rig.step(blocks=2)
    rig.turn()
    rig.devnet.reorg(FORK, returning="last", result=dict.fromkeys(rig.txids(), "REVERT"))


def first_reverted_then_not(rig: Rig) -> None:
    result_of_all(rig, "REVERT")
    rig.step(blocks=2)
    rig.turn()
    result_of_all(rig, None)
    rig.devnet.reorg(FORK, returning="last")


def dropped_and_kept_out(rig: Rig) -> None:
    """Out of their blocks for ever: whoever takes them again keeps them to itself."""
    rig.fault("hold", BROADCAST)
    reorganise(rig, "never")


def both_heads_go_back(rig: Rig) -> None:
    for node in (0, 1):
        rig.devnet.lag(node, 20)


def stall(rig: Rig) -> None:
    rig.devnet.stall()


def stall_without_a_block(rig: Rig) -> None:
    rig.fault("hold", BROADCAST)
    rig.devnet.stall()


ROWS = [
    Row(
        name="included, reorganised away, and included again",
        expected="nothing counts before it is final; paid once, by the first attempt",
        strikes="included",
        disturb=lambda rig: reorganise(rig, "later"),
        expect=by_first_attempts,
    ),
    Row(
        name="included, reorganised away, and dropped",
        expected="the same bytes go out again; paid once, by the first attempt",
        strikes="included",
        disturb=lambda rig: reorganise(rig, "never"),
        expect=by_first_attempts,
        daily=True,
    ),
    Row(
        name="included, reorganised away, dropped, and taken by nobody any more",
        expected="dead by the rule after its expiration, paid by the next attempt",
        strikes="included",
        disturb=dropped_and_kept_out,
        lasts=300,
        expect=by_second_attempts,
    ),
    Row(
        name="a success becomes a revert in the block that replaces its own",
        expected="the first result counted for nothing; paid by the next attempt",
        strikes="included",
        disturb=with_another_result,
        expect=after_a_revert,
    ),
    Row(
        name="a revert becomes a success in the block that replaces its own",
        expected="the first result counted for nothing; paid once, by the first attempt",
        strikes="sent",
        disturb=first_reverted_then_not,
        expect=by_first_attempts,
    ),
    Row(
        name="solidification stalls for 30 minutes, transactions in blocks",
        expected="nothing is decided meanwhile; paid once, by the first attempt",
        strikes="included",
        disturb=stall,
        lasts=1800,
        expect=by_first_attempts,
        daily=True,
    ),
    Row(
        name="solidification stalls for 30 minutes, transactions in no block",
        expected="nobody is called dead meanwhile; then by the rule, paid by the next attempt",
        disturb=stall_without_a_block,
        lasts=1800,
        expect=by_second_attempts,
    ),
    Row(
        name="both heads go back by 20 blocks for a minute",
        expected="nothing is decided by the older view; paid once",
        strikes="included",
        disturb=both_heads_go_back,
        lasts=60,
        expect=by_first_attempts,
        daily=True,
    ),
    Row(
        name="block scan with a gap: a node doesn't have the next blocks",
        expected="the scan waits and leaves none out; paid once",
        strikes="sent",
        disturb=lambda rig: rig.fault("empty", *BLOCK, node=0, calls=10),
        lasts=120,
        expect=by_first_attempts,
        daily=True,
    ),
    Row(
        name="block scan with a changed parent hash",
        expected="taken for a fork, read again; paid once",
        strikes="sent",
        disturb=lambda rig: rig.fault(
            "patch", *BLOCK, patch={"block_header": {"raw_data": {"parentHash": "ab" * 32}}}, calls=6
        ),
        lasts=120,
        expect=by_first_attempts,
    ),
]
