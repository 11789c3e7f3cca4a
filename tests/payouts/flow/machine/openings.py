"""Short ways through the machine's own rules that chance takes too seldom: each is played in every run.

The same books are checked after each step, and the same ending follows.
"""

from __future__ import annotations

from typing import Any

from routers.models import GLOBAL
from tests.payouts.flow.world import RECIPIENTS
from tests.policies import V0

Step = tuple[str, dict[str, Any]]

TAKE_TURNS: Step = ("all_take_their_turns", {})
TAKEN_NEVER_INCLUDED: Step = (
    "nodes_are_in_trouble",
    {"what": "takes and never includes", "node": None},
)

FAILS_AND_WAITS: list[Step] = [
    ("what_goes_now_will_fail", {"result": "OUT_OF_ENERGY"}),
    TAKE_TURNS,
    ("blocks_go_by", {"blocks": 40}),
    ("empty_slots_go_by", {"minutes": 61}),
]


def cut_at_each(turn: str, statements: int) -> list[Step]:
    """A turn over a fresh payout is cut before each of its statements; now and then what hangs is taken on."""
    steps: list[Step] = []
    for number in range(1, statements + 1):
        steps.append(("somebody_asks", {"recipient": RECIPIENTS[number % 4], "amount": 5, "rank": 2}))
        steps.append(("one_loses_power", {"name": turn, "statements": number}))
        if number % 5 == 0:
            steps.append(("blocks_go_by", {"blocks": 1}))
    return steps


def lowered(which: str) -> list[Step]:
    """What is asked for doesn't fit, and does when the limit is as before."""
    asked: Step = ("somebody_asks", {"recipient": RECIPIENTS[0], "amount": 7, "rank": 2})
    return [("a_limit_is_lowered", {"which": which}), asked, TAKE_TURNS, asked, TAKE_TURNS]


OPENINGS: dict[str, list[Step]] = {
    "expired": [TAKEN_NEVER_INCLUDED, TAKE_TURNS, ("what_was_sent_expires", {})],
    "refused everywhere": [
        ("nodes_are_in_trouble", {"what": "finds the signature wrong", "node": None}),
        TAKE_TURNS,
        ("blocks_go_by", {"blocks": 3}),
    ],
    "another txid": [
        ("one_is_called_off", {"which": 0}),
        ("one_is_called_off", {"which": 1}),
        ("nodes_are_in_trouble", {"what": "names another transaction", "node": None}),
        TAKE_TURNS,
        ("blocks_go_by", {"blocks": 1}),
    ],
    "a lost index": [("no_node_finds_what_it_has", {})],
    "stale look-ups": [("look_ups_stand_far_behind_the_heads", {})],
    "a forged success": [
        TAKEN_NEVER_INCLUDED,
        TAKE_TURNS,
        ("the_only_node_left_lies", {"what": "success"}),
    ],
    "a forged failure": [TAKE_TURNS, ("the_only_node_left_lies", {"what": "reverted"})],
    "a fee in mid-flight": [("a_fee_is_switched_on_in_mid_flight", {})],
    "a replaced block": [("a_payment_s_block_is_replaced", {"blocks": 3})],
    "reverted": [
        ("what_goes_now_will_fail", {"result": "REVERT"}),
        TAKE_TURNS,
        ("blocks_go_by", {"blocks": 40}),
        ("empty_slots_go_by", {"minutes": 4}),
        ("empty_slots_go_by", {"minutes": 4}),
    ],
    "lost with the database": [
        ("a_payout_is_lost_with_the_database", {"amount": 20, "ahead": False}),
        ("somebody_asks", {"recipient": RECIPIENTS[2], "amount": 20, "rank": 2}),
        ("somebody_asks", {"recipient": RECIPIENTS[1], "amount": 7, "rank": 2}),
        ("blocks_go_by", {"blocks": 1}),
        ("blocks_go_by", {"blocks": 3}),
    ],
    "lost, and the release is back first": [
        ("a_payout_is_lost_with_the_database", {"amount": 5, "ahead": True}),
        ("blocks_go_by", {"blocks": 3}),
    ],
    "stolen": [("somebody_pays_with_our_key", {"hidden": False}), ("blocks_go_by", {"blocks": 40})],
    "stolen, with one provider away": [
        ("somebody_pays_with_our_key", {"hidden": True}),
        ("blocks_go_by", {"blocks": 3}),
    ],
    "called off": [
        ("a_payout_is_taken_so_far", {"up_to": "sign"}),
        ("one_is_called_off", {"which": 0}),
        TAKE_TURNS,
        ("blocks_go_by", {"blocks": 3}),
    ],
    "stopped": [
        ("a_payout_is_taken_so_far", {"up_to": "sign"}),
        ("somebody_asks", {"recipient": RECIPIENTS[2], "amount": 7, "rank": 2}),
        ("the_kill_switch_is_pulled", {"scope": GLOBAL}),
        ("one_takes_its_turn", {"name": "send"}),
        TAKE_TURNS,
    ],
    "late": [
        TAKEN_NEVER_INCLUDED,
        ("a_payout_is_taken_so_far", {"up_to": "send"}),
        ("the_signer_stays_away", {"blocks": 31}),
    ],
    "no power while signing": cut_at_each("sign", 17),
    "no power while sending": cut_at_each("send", 12),
    "no power while releasing": [
        ("one_loses_power", {"name": "release", "statements": n}) for n in (2, 9, 21)
    ],
    "no power while watching": [("one_loses_power", {"name": "watch", "statements": n}) for n in (3, 9, 15)],
    "failed for good": [
        ("one_is_called_off", {"which": 0}),
        ("one_is_called_off", {"which": 1}),
        *4 * FAILS_AND_WAITS,
    ],
    "lost, and never included": [
        TAKEN_NEVER_INCLUDED,
        ("a_payout_is_lost_with_the_database", {"amount": 20, "ahead": False}),
        ("what_was_sent_expires", {}),
    ],
    "a breaker by hand": [("a_breaker_is_opened", {"router": V0}), TAKE_TURNS],
    "the issuer": [
        ("the_issuer_changes_the_token", {"switch": "frozen treasury"}),
        ("the_token_is_as_before", {}),
        ("the_issuer_changes_the_token", {"switch": "frozen recipient"}),
        ("blocks_go_by", {"blocks": 19}),
        ("the_issuer_changes_the_token", {"switch": "paused"}),
        ("blocks_go_by", {"blocks": 19}),
        ("somebody_asks", {"recipient": RECIPIENTS[2], "amount": 7, "rank": 2}),
        TAKE_TURNS,
    ],
    "dear energy": [("energy_has_a_price", {"sun": 100_000})],
    "the signer is away": [("the_signer_stays_away", {"blocks": 31})],
    "a node is away": [
        ("nodes_are_in_trouble", {"what": "is away", "node": 1}),
        TAKE_TURNS,
    ],
    "old heads": [
        ("blocks_go_by", {"blocks": 40}),
        ("somebody_asks", {"recipient": RECIPIENTS[3], "amount": 7, "rank": 2}),
        ("both_nodes_lag", {}),
    ],
    "the next hour": [("somebody_asks_for_the_next_hour", {"amount": 5})],
    "a slot paused, and gone on": [
        ("somebody_asks_for_the_next_hour", {"amount": 5}),
        ("somebody_asks_for_the_next_hour", {"amount": 7}),
        ("a_slot_is_stopped", {"which": 0, "cancelled": False}),
        ("empty_slots_go_by", {"minutes": 61}),
        ("somebody_asks_for_the_next_hour", {"amount": 5}),
        ("the_slots_go_on", {}),
        ("one_takes_its_turn", {"name": "release"}),
        ("a_slot_is_stopped", {"which": 1, "cancelled": False}),
        TAKE_TURNS,
        ("the_slots_go_on", {}),
        TAKE_TURNS,
        ("a_slot_is_stopped", {"which": 1, "cancelled": False}),
        ("blocks_go_by", {"blocks": 19}),
    ],
    "a slot called off on its way": [
        ("somebody_asks_for_the_next_hour", {"amount": 5}),
        ("somebody_asks_for_the_next_hour", {"amount": 7}),
        TAKEN_NEVER_INCLUDED,
        ("empty_slots_go_by", {"minutes": 61}),
        TAKE_TURNS,
        ("somebody_asks_for_the_next_hour", {"amount": 20}),
        ("a_slot_is_stopped", {"which": 1, "cancelled": True}),
        ("what_was_sent_expires", {}),
        ("a_slot_is_stopped", {"which": 0, "cancelled": True}),
        ("somebody_asks_for_the_next_hour", {"amount": 5}),
        TAKE_TURNS,
    ],
    "tight windows": [
        *lowered("hourly"),
        *lowered("everybody's hour"),
        ("the_limits_are_as_before", {}),
        *lowered("recipient"),
        ("the_limits_are_as_before", {}),
        *lowered("in flight"),
    ],
    "tight days": [*lowered("daily"), ("the_limits_are_as_before", {}), *lowered("creator")],
}
