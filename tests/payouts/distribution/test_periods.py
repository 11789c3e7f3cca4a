"""Months and their cut-offs: every session belongs to one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payouts.distribution.periods import NoPeriod, Period


def day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "starts_at", "cut_off", "days"),
    [
        ("2026-10", day(2026, 9, 30), day(2026, 10, 31), 30),
        ("2027-01", day(2026, 12, 31), day(2027, 1, 31), 28),
        ("2028-01", day(2027, 12, 31), day(2028, 1, 31), 29),
        ("2028-02", day(2028, 1, 31), day(2028, 2, 29), 31),
        ("2026-12", day(2026, 11, 30), day(2026, 12, 31), 31),
    ],
)
def test_a_month_ends_at_midnight_of_its_last_day(
    name: str, starts_at: datetime, cut_off: datetime, days: int
) -> None:
    period = Period.parse(name)
    assert (str(period), period.starts_at, period.cut_off, period.days_to_pay) == (
        name,
        starts_at,
        cut_off,
        days,
    )


def test_months_follow_one_another_without_a_gap() -> None:
    period = Period(2026, 1)
    for _ in range(40):
        assert period.after().starts_at == period.cut_off
        assert period.after().before() == period
        period = period.after()


def test_the_month_that_ended_last() -> None:
    cut_off = day(2026, 11, 30)
    assert Period.last_ended(cut_off) == Period(2026, 11)
    assert Period.last_ended(cut_off - timedelta(microseconds=1)) == Period(2026, 10)
    assert Period.last_ended(day(2027, 1, 1)) == Period(2026, 12)


@pytest.mark.parametrize("name", ["", "2026", "2026-13", "2026-1", "26-10", "2026-10-31", "2026-10\n"])
def test_what_is_no_month_is_refused(name: str) -> None:
    with pytest.raises(NoPeriod):
        Period.parse(name)
