"""`make load` says what locust counted, and which targets that misses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load import api


def entry(name: str, times: dict[str, int], failures: int = 0, until: float = 160.0) -> dict[str, Any]:
    """One of locust's report; its times are text."""
    return {
        "name": name, "response_times": times, "num_failures": failures, "start_time": 100.0,
        "last_request_timestamp": until,
    }  # fmt: skip


def test_all_kinds_of_request_count_together_and_tokens_do_not() -> None:
    entries = [
        entry("POST /auth/key", {"900": 20}),
        entry("GET /payouts", {"30": 10}),
        entry("POST /payouts", {"10": 85, "120.0": 5}),
    ]
    *each, together = api.figures(entries)
    assert [found.name for found in each] == ["GET /payouts", "POST /payouts"]
    assert (together.requests, together.a_minute) == (100, 100)
    assert [together.percentile(part) for part in (0.5, 0.85, 0.95, 0.99)] == [10, 10, 30, 120]


FAST = {"10": 6001}


@pytest.mark.parametrize(
    ("times", "failures", "said"),
    [
        (FAST, 0, []),
        ({"10": 6000}, 0, ["not over 6000"]),
        (FAST, 1, ["1 requests failed"]),
        ({"24": 6000, "25": 6001}, 0, ["p50 is 25 ms"]),
        ({"10": 9000, "100": 900}, 0, ["p95 is 100 ms"]),
        ({"10": 9000, "250": 100}, 0, ["p99 is 250 ms"]),
        ({}, 0, ["not over 6000"]),
    ],
)
def test_each_target_that_is_missed_is_named(times: dict[str, int], failures: int, said: list[str]) -> None:
    found = api.missed(api.figures([entry("GET /payouts", times, failures)])[-1])
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


def test_a_failed_token_is_an_error_of_the_run() -> None:
    together = api.figures([entry("POST /auth/key", {"5": 20}, 1), entry("GET /payouts", FAST)])[-1]
    assert api.missed(together) == ["1 requests failed"]
