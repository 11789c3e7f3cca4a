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
