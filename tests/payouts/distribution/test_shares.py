"""Credits, shares and chunks: exact to the base unit, whatever the input and its order."""

from __future__ import annotations

import random
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucid_payments.money import parse_usdt
from payouts.distribution import shares
from payouts.distribution.shares import NothingToShareBy, credits_of, order_hash, split

SEED = bytes.fromhex("00000000039a4f3e9a5be2a53a1f3a1b5ef9c1a2d3e4f5061728394a5b6c7d8e")
USDT = 1_000_000
LEAST = 10_000

WORK = [
    (0, "0", 0),
    (3, "0", 3),
    (3, "15", 3),
    (3, "15.000001", 4),
    (0, "0.000001", 1),
    (1_000, "20.5", 1_000),
    (-2, "0", 0),
    (-2, "-10", 0),
    (2, "-10", 2),
]


@pytest.mark.parametrize(("sessions", "megabytes", "credits"), WORK)
def test_a_credit_for_each_session_or_each_5_megabytes_begun(
    sessions: int, megabytes: str, credits: int
) -> None:
    assert credits_of(sessions, Decimal(megabytes)) == credits


def test_thirds_go_to_the_lower_hash_first() -> None:
    """1 USDT by three equal parts: the one base unit left over goes to whom the seed picks."""
    names = ["node:a", "node:b", "node:c"]
    given_out = shares.shares(USDT, dict.fromkeys(names, 7), SEED)
    first = min(names, key=lambda name: order_hash(SEED, name))
    assert given_out == {name: 333_333 + (name == first) for name in names}


def test_the_largest_remainder_comes_before_the_lower_hash() -> None:
    # 10 base units by 1, 2 and 4 of 7 credits: 1 3/7, 2 6/7, 5 5/7.
    assert shares.shares(10, {"a": 1, "b": 2, "c": 4}, SEED) == {"a": 1, "b": 3, "c": 6}


def test_another_seed_breaks_ties_otherwise() -> None:
    names = [f"node:{number}" for number in range(20)]
    winners = {
        frozenset(
            name for name, share in shares.shares(21 * 7, dict.fromkeys(names, 1), seed).items() if share == 8
        )
        for seed in (SEED, bytes(32), b"\1" * 32)
    }
    assert len(winners) == 3


def test_who_has_no_credit_gets_nothing_and_a_pool_for_nobody_is_refused() -> None:
    assert shares.shares(10, {"a": 0, "b": 1}, SEED) == {"a": 0, "b": 10}
    assert shares.shares(0, {"a": 0}, SEED) == {"a": 0}
    with pytest.raises(NothingToShareBy):
        shares.shares(10, {"a": 0}, SEED)
    with pytest.raises(ValueError, match="negative"):
        shares.shares(10, {"a": -1, "b": 2}, SEED)


def holds_together(pool: int, credited: dict[str, int], seed: bytes, order: random.Random) -> None:
    """What must be so of any shares."""
    total = sum(credited.values())
    found = shares.shares(pool, credited, seed)
    assert sum(found.values()) == pool
    for name, share in found.items():
        whole, remainder = divmod(pool * credited[name], total)
        assert whole <= share <= whole + (remainder > 0), (
            "nobody is a whole base unit away from the exact share"
        )
    shuffled = list(credited.items())
    order.shuffle(shuffled)
    assert shares.shares(pool, dict(shuffled), seed) == found


POOLS = st.integers(min_value=0, max_value=10**13)
CREDITED = st.dictionaries(
    st.text("abcdef0123456789", min_size=1, max_size=8), st.integers(min_value=0, max_value=10**9), min_size=1
).filter(lambda credited: sum(credited.values()) > 0)


@given(POOLS, CREDITED, st.binary(min_size=32, max_size=32), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_shares_add_up_to_the_pool_whatever_the_order(
    pool: int, credited: dict[str, int], seed: bytes, order: random.Random
) -> None:
    holds_together(pool, credited, seed, order)


@pytest.mark.prove
@given(POOLS, CREDITED, st.binary(min_size=32, max_size=32), st.randoms(use_true_random=False))
@settings(max_examples=10_000)
def test_shares_add_up_for_ten_thousand_random_inputs(
    pool: int, credited: dict[str, int], seed: bytes, order: random.Random
) -> None:
    holds_together(pool, credited, seed, order)


@given(st.integers(LEAST, 10**13), st.integers(LEAST, 10**9))
@settings(max_examples=300)
def test_chunks_are_equal_to_a_base_unit_and_add_up(amount: int, most: int) -> None:
    most = max(most, amount // 2_000 + 1, 2 * LEAST)
    left, sizes = amount, []
    while left:
        sizes.append(split(left, most, least=LEAST))
        left -= sizes[-1]
    assert sum(sizes) == amount
    assert min(sizes) >= LEAST
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == -(-amount // most), "no more payouts than needed"


def test_no_crumb_is_left_behind() -> None:
    assert split(800 * USDT + 1, 800 * USDT, least=LEAST) == 400 * USDT + 1
    with pytest.raises(ValueError, match="Too little"):
        split(LEAST - 1, USDT, least=LEAST)
    with pytest.raises(ValueError, match="Too little"):
        split(USDT, 2 * LEAST - 1, least=LEAST)


def test_the_published_example_is_what_the_code_computes() -> None:
    page = (Path(__file__).parents[3] / "docs" / "distribution.md").read_text()
    rows = re.findall(
        r"^\| `((?:node|user):\w+)` \| (\d+) \| ([\d.]+) \| (\d+) \| \S+(?: ⅓)? \| ([\d.]+) \|$", page, re.M
    )
    seed = re.search(r"seed `([0-9a-f]{64})`", page)
    assert seed is not None
    credited = {
        name: credits_of(int(sessions), Decimal(megabytes)) for name, sessions, megabytes, _, _ in rows
    }
    assert credited == {name: int(credits) for name, _, _, credits, _ in rows}
    assert len(credited) == 5
    found = shares.shares(1_003_500_000, credited, bytes.fromhex(seed[1]))
    assert found == {name: parse_usdt(share) for name, *_, share in rows}
    assert order_hash(bytes.fromhex(seed[1]), "node:amber").hex().startswith("625f9553")
