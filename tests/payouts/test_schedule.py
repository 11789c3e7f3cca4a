"""When a payout may go, at the edges of hours, days and weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payouts import schedule


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("batch_type", "at", "slot"),
    [
        ("IMMEDIATE", "2026-07-15T12:34:56.789", "2026-07-15T12:34:56.789"),
        ("HOURLY", "2026-07-15T12:34:56", "2026-07-15T13:00:00"),
        ("HOURLY", "2026-07-15T12:00:00", "2026-07-15T13:00:00"),
        ("HOURLY", "2026-07-15T12:59:59.999999", "2026-07-15T13:00:00"),
        ("HOURLY", "2026-12-31T23:30:00", "2027-01-01T00:00:00"),
        ("DAILY", "2026-07-15T00:00:00", "2026-07-16T00:00:00"),
        ("DAILY", "2028-02-28T23:59:59", "2028-02-29T00:00:00"),
        ("DAILY", "2026-12-31T12:00:00", "2027-01-01T00:00:00"),
        # The ends of months of 30, 31, 28 and 29 days.
        ("DAILY", "2026-04-30T12:00:00", "2026-05-01T00:00:00"),
        ("DAILY", "2026-07-31T23:59:59", "2026-08-01T00:00:00"),
        ("DAILY", "2026-02-28T00:00:00", "2026-03-01T00:00:00"),
        ("DAILY", "2028-02-29T12:00:00", "2028-03-01T00:00:00"),
        ("HOURLY", "2028-02-28T23:10:00", "2028-02-29T00:00:00"),
        ("WEEKLY", "2028-02-29T12:00:00", "2028-03-06T00:00:00"),
        # The nights in which clocks in Europe and America are moved: UTC has neither 23 nor 25 hours.
        ("HOURLY", "2026-03-29T00:30:00", "2026-03-29T01:00:00"),
        ("HOURLY", "2026-03-29T01:30:00", "2026-03-29T02:00:00"),
        ("DAILY", "2026-03-29T12:00:00", "2026-03-30T00:00:00"),
        ("HOURLY", "2026-10-25T00:59:59", "2026-10-25T01:00:00"),
        ("DAILY", "2026-10-25T01:30:00", "2026-10-26T00:00:00"),
        ("WEEKLY", "2026-10-25T01:30:00", "2026-10-26T00:00:00"),
        ("HOURLY", "2026-11-01T05:30:00", "2026-11-01T06:00:00"),
        # 13 July 2026 is a Monday: a week's slot is the next Monday 00:00, Sunday's 24:00.
        ("WEEKLY", "2026-07-13T00:00:00", "2026-07-20T00:00:00"),
        ("WEEKLY", "2026-07-15T12:00:00", "2026-07-20T00:00:00"),
        ("WEEKLY", "2026-07-19T23:59:59", "2026-07-20T00:00:00"),
        ("WEEKLY", "2026-12-30T12:00:00", "2027-01-04T00:00:00"),
    ],
)
def test_the_next_slot(batch_type: str, at: str, slot: str) -> None:
    assert schedule.next_slot(batch_type, utc(at)) == utc(slot)


def test_the_pause_doubles(settings: object) -> None:
    settings.RETRY_BASE_SECONDS = 60  # type: ignore[attr-defined]
    now = utc("2026-07-15T12:00:00")
    pauses = [schedule.after_retry(retries, now) - now for retries in (1, 2, 3)]
    assert pauses == [timedelta(seconds=60), timedelta(seconds=120), timedelta(seconds=240)]


@pytest.mark.parametrize(("batch_type", "slots"), [("HOURLY", 366 * 24), ("DAILY", 366), ("WEEKLY", 53)])
def test_a_leap_year_s_slots_follow_one_another_without_a_gap(batch_type: str, slots: int) -> None:
    at, end, steps = utc("2028-01-01T00:00:00"), utc("2029-01-01T00:00:00"), []
    while (later := schedule.next_slot(batch_type, at)) <= end:
        steps.append(later - at)
        at = later
    assert len(steps) == slots
    assert len(set(steps[1:])) == 1
