"""JSON without a lost digit, and nothing in it that strict JSON doesn't have."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from lucid_payments.api.json_format import dumps, loads


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("5.50"), "5.50"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-10"), "0.0000000001"),
        (Decimal("12345678901234567890.123456"), "12345678901234567890.123456"),
        (10**30, "1" + "0" * 30),
        (None, "null"),
        (True, "true"),
        ('é"\n\u2028', '"é\\"\\n\u2028"'),
        ([1, [Decimal("2.0")], {}], "[1,[2.0],{}]"),
        ({"a": {"b": ()}}, '{"a":{"b":[]}}'),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), '"2026-01-02T03:04:05.000006Z"'),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), '"2026-01-02T01:00:00Z"'),
    ],
)
def test_values_are_written_exactly(value: Any, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan"), float("inf")])
def test_what_json_cannot_say_is_never_written(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps(value)


def test_an_unknown_type_is_never_written() -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        dumps(object())


def test_numbers_are_read_as_they_stand() -> None:
    assert loads(b"[1, 1.10, 0.30000000000000004, 1e3]") == [
        1, Decimal("1.10"), Decimal("0.30000000000000004"), 1000.0,
    ]  # fmt: skip
    assert [type(number) for number in loads(b"[1, 1.0, 1e3]")] == [int, Decimal, float]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
AMOUNTS = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=6)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS | AMOUNTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_is_written_reads_back_equal_here_and_elsewhere(value: Any) -> None:
    text = dumps(value)
    assert loads(text.encode()) == value
    assert json.loads(text, parse_float=Decimal) == value


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_anything_else(body: bytes) -> None:
    with contextlib.suppress(ParseError):
        loads(body)


@pytest.mark.parametrize(("levels", "accepted"), [(32, True), (33, False), (900, False), (200_000, False)])
def test_32_levels_are_read_and_no_more(levels: int, accepted: bool) -> None:
    body = b"[" * levels + b"]" * levels
    if accepted:
        loads(body)
    else:
        with pytest.raises(ParseError, match="levels"):
            loads(body)
