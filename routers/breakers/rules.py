"""When a breaker opens and for how long: pure rules of compliance, "Error breaker and kill switch"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from lucid_payments.money import BASE_UNITS_PER_USDT
from routers.models.breakers import TripCause

SAMPLE: Final = 20
SAMPLE_AGE: Final = timedelta(minutes=60)
ENOUGH: Final = 10
CONSECUTIVE: Final = 3
FIRST_COOL_DOWN: Final = timedelta(minutes=5)
LONGEST_COOL_DOWN: Final = timedelta(minutes=60)
PROBES: Final = 3
PROBE_AMOUNT: Final = 50 * BASE_UNITS_PER_USDT
LEAST_UNKNOWN: Final = 5
UNKNOWN_PART: Final = 20  # one in twenty of the in-flight cap
# These end by themselves; what people, compliance, reconciliation or keys stopped, people start again.
PASSING: Final = frozenset({TripCause.ERROR_RATE, TripCause.CONSECUTIVE, TripCause.UNKNOWN, TripCause.PROBE})


def verdict(failed: Sequence[bool]) -> TripCause | None:
    """Whether the last ended attempts (True: failed; oldest first, at most 20 count) open the breaker.

    At least half of at least 10, or, below 10, the last three.
    """
    sample = failed[-SAMPLE:]
    if len(sample) >= ENOUGH:
        return TripCause.ERROR_RATE if 2 * sum(sample) >= len(sample) else None
    last = sample[-CONSECUTIVE:]
    return TripCause.CONSECUTIVE if len(last) == CONSECUTIVE and all(last) else None


def tipping_point(failed: Sequence[bool], new: int) -> tuple[int, TripCause] | None:
    """The first of the `new` last attempts after which the breaker opens, as if each had ended by itself.

    So it doesn't matter whether attempts are settled one by one or many in one block.
    """
    for end in range(max(0, len(failed) - new) + 1, len(failed) + 1):
        cause = verdict(failed[:end])
        if cause is not None:
            return end, cause
    return None


def too_many_unknown(unknown: int, in_flight_cap: int) -> bool:
    """More than the larger of 5 and 5 % of the in-flight cap, exactly."""
    return unknown > LEAST_UNKNOWN and unknown * UNKNOWN_PART > in_flight_cap


def cool_down(trips_before: int) -> timedelta:
    """5 minutes, doubled with each trip of the day before this one, at most an hour."""
    doubled: int = 1 << min(trips_before, 10)
    return min(FIRST_COOL_DOWN * doubled, LONGEST_COOL_DOWN)


def closes_at_midnight(opened_at: datetime, now: datetime) -> bool:
    """Whether 00:00 UTC has passed since it opened."""
    return opened_at.date() < now.date()
