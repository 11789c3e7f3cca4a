"""`manage.py availability` tells of a month as Prometheus saw it, from a real one with that month in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from lucid_payments.watch.availability import month_of
from tests.deploy.monitoring.programs import prometheus
from tests.harness.ports import free_port

START = datetime(2026, 2, 1, tzinfo=UTC)
MINUTES = 28 * 24 * 60
NOTHING_SCRAPED = "global: {scrape_interval: 15s}\n"
STATUS = "django_http_responses_total_by_status_view_method_total"


def away(minute: int) -> bool:
    """Two outages: 30 minutes on the second day, and 25 that reach from the ninth into the tenth."""
    return 2000 <= minute < 2030 or 9 * 1440 - 10 <= minute < 9 * 1440 + 15


def unknown(minute: int) -> bool:
    """Prometheus itself was away for an hour; its newest answer counts for five minutes."""
    return 20_000 <= minute < 20_060


def month() -> Iterator[str]:
    """February 2026 as Prometheus would have written it down."""
    # Once a minute around what happened, else as seldom as a sample counts.
    dense = [*range(1990, 2040), *range(9 * 1440 - 20, 9 * 1440 + 25), *range(19_990, 20_070)]
    yield "# TYPE up gauge"
    for minute in sorted({*dense, *range(0, MINUTES, 4)}):
        if not unknown(minute):
            at = int((START + timedelta(minutes=minute)).timestamp())
            yield f'up{{job="lucid-payments",instance="i"}} {int(not away(minute))} {at}'
    hours = range(0, MINUTES + 1, 60)
    for kind, series in (
        ("tron_payment_requests", {'{status="confirmed"}': 3, '{status="failed"}': 0.005}),
        (STATUS.removesuffix("_total"), {'{status="200",view="a"}': 500, '{status="500",view="a"}': 1}),
        (
            "tron_payout_processing_duration_seconds",
            {'_bucket{le="60.0"}': 2.9, '_bucket{le="+Inf"}': 3, "_count": 3, "_sum": 30},
        ),
    ):
        histogram = kind.endswith("seconds")
        yield f"# TYPE {kind} {'histogram' if histogram else 'counter'}"
        for suffix, each in series.items():
            for number, minute in enumerate(hours):
                at = int((START + timedelta(minutes=minute)).timestamp())
                yield f"{kind}{'' if histogram else '_total'}{suffix} {each * number} {at}"
    yield "# EOF"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "month.txt").write_text("\n".join(month()) + "\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=768h", "-q"]
    subprocess.run([*command, folder / "month.txt", folder / "data"], check=True, capture_output=True)
    (folder / "prometheus.yml").write_text(NOTHING_SCRAPED)
    with prometheus(folder, folder / "prometheus.yml", "--storage.tsdb.retention.time=100y") as port:
        yield f"http://127.0.0.1:{port}"


def told(*options: str) -> str:
    out = StringIO()
    call_command("availability", *options, stdout=out)
    return out.getvalue()


@pytest.mark.prometheus
def test_a_month_is_told_with_its_outages_and_what_was_promised(url: str) -> None:
    found = json.loads(told("--month=2026-02", f"--prometheus={url}", "--json"))

    assert (found["from"], found["to"]) == ("2026-02-01T00:00Z", "2026-03-01T00:00Z")
    assert found["outages"] == [
        {"began": "2026-02-02T09:20Z", "minutes": 30},
        {"began": "2026-02-09T23:50Z", "minutes": 25},
    ]
    assert found["minutes"]["away"] == 55
    assert found["minutes"]["unknown"] in range(53, 58)
    assert sum(found["minutes"].values()) == MINUTES
    assert found["payouts"]["confirmed"] == pytest.approx(3 * 672, rel=0.01)
    kept = {name: promise["kept"] for name, promise in found["promises"].items()}
    assert kept == {"availability": False, "payouts": True, "speed": False, "answers": False}
    assert found["promises"]["speed"]["share"] == pytest.approx(2.9 / 3, abs=0.001)
    assert found["promises"]["answers"]["share"] == pytest.approx(500 / 501, abs=0.0005)


@pytest.mark.prometheus
def test_people_read_it_in_words(url: str) -> None:
    text = told("--month=2026-02", f"--prometheus={url}")
    assert "2026-02-01 00:00 to 2026-03-01 00:00 UTC" in text
    assert "Away for 55 minutes; 40 are allowed." in text
    assert "  2026-02-02 09:20  30 min" in text
    assert text.count("NOT KEPT") == 3
    assert "Prometheus was away" in text


@pytest.mark.prometheus
def test_a_month_without_anything_is_no_kept_promise(url: str) -> None:
    text = told("--month=2025-06", f"--prometheus={url}")
    assert text.count("nothing to judge") == 4
    assert f"Of {30 * 1440} minutes nothing is known" in text


@pytest.mark.parametrize("month", ["2026", "2026-13", "last"])
def test_a_month_is_named_as_one(month: str) -> None:
    with pytest.raises(CommandError, match="a month is YYYY-MM"):
        told("--month", month)


def test_a_prometheus_that_is_away_is_said_so() -> None:
    with pytest.raises(CommandError, match="can't be asked"):
        told("--month=2026-02", f"--prometheus=http://127.0.0.1:{free_port()}")


def test_a_month_that_hasn_t_begun_is_refused() -> None:
    with pytest.raises(CommandError, match="hasn't begun"):
        told("--month=2999-01")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ((2026, 2), "2026-02-01T00:00Z", "2026-03-01T00:00Z"),
        ((2025, 12), "2025-12-01T00:00Z", "2026-01-01T00:00Z"),
        ((2026, 11), "2026-11-01T00:00Z", "2026-11-23T08:30Z"),
    ],
)
def test_a_month_ends_with_itself_or_now(asked: tuple[int, int], start: str, end: str) -> None:
    now = datetime(2026, 11, 23, 8, 30, 45, tzinfo=UTC)
    assert month_of(*asked, now) == (datetime.fromisoformat(start), datetime.fromisoformat(end))
