"""A month as Prometheus saw it: when we answered, when we didn't, when nobody looked, and what is promised."""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

UP: Final = 'max(up{job="lucid-payments"})'
MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
SECONDS: Final = 60.0
# contract.md, "Metrics", and docs/monitoring.md: the share of good ones in a month.
PROMISED: Final = {"availability": 0.999, "payouts": 0.995, "speed": 0.99, "answers": 0.999}
_REQUESTS: Final = "django_http_responses_total_by_status_view_method_total"
_OTHERS: Final = 'view!="lucid_payments.api.metrics.view"'
_DURATION: Final = "tron_payout_processing_duration_seconds"


class PrometheusAway(Exception):
    """It can't be asked, or doesn't answer as it should; the text says why."""


@dataclass(frozen=True, slots=True)
class Outage:
    began: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class Month:
    """Whole minutes from `start` to `end` (UTC, excluded): answered, away, and not known."""

    start: datetime
    end: datetime
    up: int
    down: int
    outages: tuple[Outage, ...]
    confirmed: float
    failed: float
    # Shares of good ones by the name in PROMISED; None where there was nothing to judge.
    shares: dict[str, float | None]

    @property
    def total(self) -> int:
        return (self.end - self.start) // MINUTE

    @property
    def unknown(self) -> int:
        return self.total - self.up - self.down

    @property
    def allowed(self) -> int:
        """Minutes that we may be away in this month."""
        return int(self.total * (1 - PROMISED["availability"]))


def measure(url: str, start: datetime, end: datetime) -> Month:
    """Ask the Prometheus at `url` (http or https) about the time from `start` to `end`. Raises PrometheusAway."""
    minutes = dict(_minutes(url, start, end))
    up = sum(minutes.values())
    confirmed, failed = (_payouts(url, start, end, status) for status in ("confirmed", "failed"))
    return Month(
        start=start,
        end=end,
        up=up,
        down=len(minutes) - up,
        outages=tuple(_outages(minutes)),
        confirmed=confirmed,
        failed=failed,
        shares={
            "availability": up / len(minutes) if minutes else None,
            "payouts": confirmed / (confirmed + failed) if confirmed + failed else None,
            "speed": _share(url, start, end, f'{_DURATION}_bucket{{le="60.0"}}', f"{_DURATION}_count"),
            "answers": _share(
                url, start, end, f'{_REQUESTS}{{status!~"5..", {_OTHERS}}}', f"{_REQUESTS}{{{_OTHERS}}}"
            ),
        },
    )


def month_of(year: int, month: int, now: datetime) -> tuple[datetime, datetime]:
    """Its first minute, and the first one after it, or `now`'s if that comes before."""
    start = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return start, min(end, now.replace(second=0, microsecond=0))


def _minutes(url: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, bool]]:
    """Each minute that is known, with whether we answered. A day a question: Prometheus limits an answer's length."""
    while start < end:
        until = min(start + DAY, end)
        asked = {"query": UP, "start": start.timestamp(), "end": (until - MINUTE).timestamp(), "step": 60}
        for series in _ask(url, "query_range", asked):
            for at, value in series["values"]:
                yield datetime.fromtimestamp(at, UTC), float(value) == 1
        start = until


def _outages(minutes: dict[datetime, bool]) -> Iterator[Outage]:
    """Runs of minutes without an answer. One that nobody looked at ends a run."""
    began, last = None, None
    for at, is_up in minutes.items():
        if began is not None and last is not None and (is_up or at - last > MINUTE):
            yield Outage(began, (last - began) // MINUTE + 1)
            began = None
        if not is_up:
            began, last = began or at, at
    if began is not None and last is not None:
        yield Outage(began, (last - began) // MINUTE + 1)


def _payouts(url: str, start: datetime, end: datetime, status: str) -> float:
    return _grown(url, start, end, f'tron_payment_requests_total{{status="{status}"}}')


def _share(url: str, start: datetime, end: datetime, good: str, every: str) -> float | None:
    total = _grown(url, start, end, every)
    return min(1.0, _grown(url, start, end, good) / total) if total else None


def _grown(url: str, start: datetime, end: datetime, series: str) -> float:
    """By how much the counters grew; 0 where there are none."""
    seconds = int((end - start).total_seconds())
    asked = {"query": f"sum(increase({series}[{seconds}s]))", "time": end.timestamp()}
    found = _ask(url, "query", asked)
    value = float(found[0]["value"][1]) if found else 0.0
    return 0.0 if math.isnan(value) else value


def _ask(url: str, what: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/api/v1/{what}?{urlencode(asked)}")
        told = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PrometheusAway(f"{url} can't be asked: {error}") from None
    finally:
        connection.close()
    if told.get("status") != "success":
        raise PrometheusAway(f"{url} says: {told.get('error', 'nothing')}")
    found: list[dict[str, Any]] = told["data"]["result"]
    return found
