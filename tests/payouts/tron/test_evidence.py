"""What a search shows: the rules alone, with each thing missing that they ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from payouts.tron.answers import SUCCESS, BlockHeader, TransactionInfo
from payouts.tron.evidence import BlockRun, Leaving, NodeWords, Shown, Sought, agreed_leavings, conclude
from payouts.tron.verdict import AbsenceRound, Finding
from tests.payouts.tron.intents import intent

INTENT = intent()
SOUGHT = Sought(intent=INTENT, reference_block=100, required_operators=2, elsewhere=False)
PAST = 160
RUN = BlockRun(first=101, last=PAST, linked=True, expired_at=PAST)


def header(number: int, time_ms: int) -> BlockHeader:
    return BlockHeader(number, number.to_bytes(8).hex() + "00" * 24, "", time_ms)


def absent(node: str = "node1", operator: str = "one", **changes: Any) -> NodeWords:
    late = INTENT.expiration_ms + 900_000
    seen = AbsenceRound(
        node=node,
        operator=operator,
        solid_before=header(PAST + 300, late),
        solid_after=header(PAST + 300, late),
        info_found=False,
        transaction_found=False,
        control_found=True,
    )
    return NodeWords(node, operator, absence=replace(seen, **changes), blocks=RUN)


def both(**changes: Any) -> list[NodeWords]:
    return [absent(**changes), absent("node2", "two")]


def shown(words: list[NodeWords], sought: Sought = SOUGHT) -> Shown:
    return conclude(words, sought).shown


def test_absent_everywhere_with_every_block_read_is_never() -> None:
    assert shown(both()) == Shown.NEVER


@pytest.mark.parametrize(
    "changes",
    [
        {"solid_before": header(PAST + 300, INTENT.expiration_ms - 1)},
        {"solid_after": header(PAST + 299, INTENT.expiration_ms + 900_000)},
        {"control_found": False},
        {"solid_before": header(PAST + 19, INTENT.expiration_ms + 1)},
    ],
    ids=["final block before the expiration", "final block went back", "no control", "not 20 blocks past"],
)
def test_one_node_whose_absence_proves_nothing_keeps_it_open(changes: dict[str, Any]) -> None:
    assert shown(both(**changes)) == Shown.MAY_LAND


def test_our_own_reading_of_the_head_keeps_it_open() -> None:
    assert shown(both(), replace(SOUGHT, included=True)) == Shown.MAY_LAND


@pytest.mark.parametrize(
    "run",
    [
        None,
        replace(RUN, linked=False),
        replace(RUN, first=102),
        replace(RUN, expired_at=None),
    ],
    ids=["no blocks", "a gap", "begins too late", "ends too early"],
)
def test_blocks_that_aren_t_all_there_prove_nothing(run: BlockRun | None) -> None:
    words = both()
    for said in words:
        said.blocks = run
    assert shown(words) == Shown.UNANSWERED


def test_one_operator_needs_another_source() -> None:
    words = [absent(), NodeWords("node2", "two", error="UNREACHABLE")]
    assert shown(words) == Shown.UNANSWERED
    assert shown(words, replace(SOUGHT, elsewhere=True)) == Shown.NEVER


def test_nobody_at_all_is_no_evidence_whatever_people_say() -> None:
    words = [NodeWords("node1", "one", error="TIMEOUT")]
    assert shown(words, replace(SOUGHT, elsewhere=True)) == Shown.UNANSWERED


def test_a_node_that_broke_off_after_finding_it_still_counts() -> None:
    broken = NodeWords("node2", "two", error="TIMEOUT", found=True)
    assert shown([absent(), broken], replace(SOUGHT, elsewhere=True)) == Shown.CONTRADICTION


def finding(node: str, operator: str, **changes: Any) -> NodeWords:
    info = TransactionInfo(
        txid=INTENT.txid, block_number=120, block_timestamp_ms=1, result="REVERT", fee_sun=1,
        energy_usage_total=1, energy_fee_sun=1, net_usage=0, net_fee_sun=0, logs=(), message="",
    )  # fmt: skip
    found = Finding(node, operator, "ab" * 32, replace(info, **changes))
    return NodeWords(node, operator, found=True, finding=found, blocks=replace(RUN, holds=120))


def test_two_that_find_it_alike_are_believed() -> None:
    assert shown([finding("node1", "one"), finding("node2", "two")]) == Shown.REVERTED


def test_success_without_the_transfer_is_a_deviation() -> None:
    words = [finding("node1", "one", result=SUCCESS), finding("node2", "two", result=SUCCESS)]
    assert shown(words) == Shown.PAID_DIFFERENTLY


def test_two_that_differ_are_not() -> None:
    words = [finding("node1", "one"), finding("node2", "two", result="OUT_OF_ENERGY")]
    assert shown(words) == Shown.CONTRADICTION


def test_one_that_should_know_and_doesn_t_contradicts() -> None:
    assert shown([finding("node1", "one"), absent("node2", "two")]) == Shown.CONTRADICTION


def test_a_block_that_was_not_read_is_not_taken_on_its_word() -> None:
    words = [finding("node1", "one"), finding("node2", "two")]
    for said in words:
        said.blocks = RUN
    assert shown(words) == Shown.UNANSWERED


def test_what_left_counts_by_two_operators_alike() -> None:
    leaving = Leaving("aa" * 32, 120, "bb" * 32, SUCCESS, (("T", 5),), 0, 1)
    other = replace(leaving, moved=(("T", 6),))
    assert agreed_leavings([("one", [leaving]), ("two", [leaving])], required=2) == ([leaving], "")
    assert agreed_leavings([("one", [leaving]), ("two", [other])], required=2)[0] == []
    assert agreed_leavings([("one", [leaving]), ("one", [leaving])], required=2)[0] == []
    assert agreed_leavings([("one", [leaving]), ("two", [])], required=2)[1] != ""
