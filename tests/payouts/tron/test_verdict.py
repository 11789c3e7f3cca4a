"""What settles an attempt, and everything that doesn't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from payouts.tron import addresses
from payouts.tron.answers import BlockHeader, RawLog, TransactionInfo, TransferLog
from payouts.tron.verdict import AbsenceRound, Finding, Settled, agree, is_dead, judge
from tests.payouts.tron.intents import ALICE, BOB, CONTRACT, NOW_MS, PAYER, intent
from tests.payouts.tron.scripted_node import block_id

INTENT = intent()
EXPIRY = INTENT.expiration_ms


def log(recipient: str = ALICE, amount: int = 5_500_000, contract: str = CONTRACT) -> TransferLog:
    return TransferLog(
        addresses.decode(contract), addresses.decode(PAYER), addresses.decode(recipient), amount
    )


def info(**changes: Any) -> TransactionInfo:
    values: dict[str, Any] = {
        "txid": INTENT.txid,
        "block_number": 1010,
        "block_timestamp_ms": NOW_MS,
        "result": "SUCCESS",
        "fee_sun": 345_000,
        "energy_usage_total": 64_285,
        "energy_fee_sun": 0,
        "net_usage": 0,
        "net_fee_sun": 345_000,
        "logs": (log(),),
        "message": "",
    }
    return TransactionInfo(**values | changes)


def test_exactly_the_transfer_asked_for_is_success() -> None:
    assert judge(info(), INTENT).settled is Settled.SUCCEEDED


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ((), "without the transfer"),
        ((log(amount=5_499_999),), "without the transfer"),
        ((log(recipient=BOB),), "without the transfer"),
        ((log(amount=5_494_500), log(BOB, 5_500)), "fee is switched on"),
        ((log(), log(BOB, 1)), "something else beside it"),
        ((log(), log()), "something else beside it"),
        ((log(contract=BOB),), "upgraded"),
        ((log(), RawLog(addresses.decode(CONTRACT), (), b"")), "something else beside it"),
    ],
)
def test_success_with_other_logs_is_final_but_not_confirmed(
    logs: tuple[TransferLog | RawLog, ...], reason: str
) -> None:
    verdict = judge(info(logs=logs), INTENT)
    assert verdict.settled is Settled.SUCCEEDED_DIFFERENTLY
    assert reason in verdict.reason


@pytest.mark.parametrize("result", ["REVERT", "OUT_OF_ENERGY", "OUT_OF_TIME"])
def test_a_failure_in_a_final_block_moved_nothing(result: str) -> None:
    verdict = judge(info(result=result, logs=(), message="Not enough energy"), INTENT)
    assert (verdict.settled, verdict.result, verdict.reason) == (
        Settled.REVERTED,
        result,
        "Not enough energy",
    )


@pytest.mark.parametrize(
    "odd", [{"result": "UNKNOWN", "logs": ()}, {"result": "DEFAULT", "logs": ()}, {"result": "REVERT"}]
)
def test_what_is_not_clearly_a_failure_never_frees_the_payout(odd: dict[str, Any]) -> None:
    assert judge(info(**odd), INTENT).settled is Settled.SUCCEEDED_DIFFERENTLY


def test_another_transactions_outcome_is_refused() -> None:
    with pytest.raises(ValueError, match="another transaction"):
        judge(info(txid="00" * 32), INTENT)


def found_by(operator: str, **changes: Any) -> Finding:
    block = changes.pop("block", block_id(1010))
    return Finding(f"node of {operator}", operator, block, info(**changes))


def test_two_operators_saying_the_same_agree() -> None:
    assert agree([found_by("a"), found_by("b")]) == info()


@pytest.mark.parametrize(
    "other",
    [
        found_by("a"),
        found_by("b", result="REVERT"),
        found_by("b", block_number=1011),
        found_by("b", block=block_id(1010, "cd")),
        found_by("b", logs=(log(amount=1),)),
    ],
    ids=["same operator", "result", "block number", "block id", "logs"],
)
def test_they_do_not_agree(other: Finding) -> None:
    assert agree([found_by("a"), other]) is None


def test_one_dissenter_among_three_is_enough() -> None:
    assert agree([found_by("a"), found_by("b"), found_by("c", result="REVERT")]) is None


def test_nobody_agrees_about_nothing() -> None:
    assert agree([]) is None


def absence(operator: str, solid: int, **changes: Any) -> AbsenceRound:
    before = BlockHeader(solid, block_id(solid), block_id(solid - 1), EXPIRY + (solid - 2000) * 3000)
    values: dict[str, Any] = {
        "node": f"node of {operator}",
        "operator": operator,
        "solid_before": before,
        "solid_after": before,
        "info_found": False,
        "transaction_found": False,
        "control_found": True,
    }
    return AbsenceRound(**values | changes)


FIRST = [absence("a", 2000), absence("b", 2000)]
SECOND = [absence("a", 2020), absence("b", 2020)]


def dead(first: list[AbsenceRound], second: list[AbsenceRound]) -> bool:
    return is_dead(first, second, expiration_ms=EXPIRY)


def test_absent_twice_at_two_operators_twenty_blocks_apart_is_dead() -> None:
    assert dead(FIRST, SECOND)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FIRST, []),
        ([], SECOND),
        (FIRST[:1], SECOND[:1]),
        (FIRST, [absence("a", 2019), absence("b", 2020)]),
        ([absence("a", 1999), FIRST[1]], SECOND),
        (FIRST, [absence("a", 2020, info_found=True), SECOND[1]]),
        (FIRST, [absence("a", 2020, transaction_found=True), SECOND[1]]),
        (FIRST, [absence("a", 2020, control_found=False), SECOND[1]]),
        ([absence("a", 2000, control_found=False), FIRST[1]], SECOND),
        (FIRST, [replace(SECOND[0], solid_after=FIRST[0].solid_before), SECOND[1]]),
        ([FIRST[0], absence("a", 2000)], [SECOND[0], absence("a", 2020)]),
    ],
    ids=[
        "no second round",
        "no first round",
        "one operator",
        "nineteen blocks apart",
        "solid head before the expiration",
        "outcome found",
        "transaction found",
        "control not found in the second round",
        "control not found in the first round",
        "head went back",
        "one operator with two nodes",
    ],
)
def test_it_is_not_dead(first: list[AbsenceRound], second: list[AbsenceRound]) -> None:
    assert not dead(first, second)


def test_a_third_node_that_found_it_keeps_it_alive() -> None:
    assert not dead(FIRST, [*SECOND, absence("c", 2020, info_found=True)])
