"""`manage.py availability`: the month's report on what is promised (docs/monitoring.md), from Prometheus."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lucid_payments.watch import availability
from lucid_payments.watch.availability import PROMISED, Month

MOST_SHOWN: Final = 20
WORDS: Final = {
    "availability": "We answered",
    "payouts": "Payouts confirmed, of those that ended",
    "speed": "Broadcast within a minute",
    "answers": "Answers without an error of ours",
}


class Command(BaseCommand):
    help = "How available the service was in a month, as Prometheus saw it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--month", type=_month, metavar="YYYY-MM", help="default: the last whole month")
        parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        last = now.replace(day=1) - timedelta(days=1)
        year, month = options["month"] or (last.year, last.month)
        start, end = availability.month_of(year, month, now)
        if end <= start:
            raise CommandError(f"{start:%Y-%m} hasn't begun.")
        try:
            found = availability.measure(options["prometheus"], start, end)
        except availability.PrometheusAway as away:
            raise CommandError(str(away)) from None
        if options["json"]:
            self.stdout.write(json.dumps(as_json(found), indent=2))
            return
        for line in lines(found):
            self.stdout.write(line)


def as_json(month: Month) -> dict[str, Any]:
    return {
        "from": f"{month.start:%Y-%m-%dT%H:%MZ}",
        "to": f"{month.end:%Y-%m-%dT%H:%MZ}",
        "minutes": {"answered": month.up, "away": month.down, "unknown": month.unknown},
        "outages": [
            {"began": f"{outage.began:%Y-%m-%dT%H:%MZ}", "minutes": outage.minutes}
            for outage in month.outages
        ],
        "payouts": {"confirmed": round(month.confirmed), "failed": round(month.failed)},
        "promises": {
            name: {
                "promised": PROMISED[name],
                "share": share,
                "kept": share is None or share >= PROMISED[name],
            }
            for name, share in month.shares.items()
        },
    }


def lines(month: Month) -> list[str]:
    """The report in words; UTC."""
    shown = [f"{month.start:%Y-%m-%d %H:%M} to {month.end:%Y-%m-%d %H:%M} UTC", ""]
    for name, words in WORDS.items():
        share, promised = month.shares[name], PROMISED[name]
        if share is None:
            verdict = "nothing to judge"
        else:
            # Never rounded up to a promise that wasn't kept.
            verdict = f"{int(share * 100_000) / 1000:.3f} %  {'kept' if share >= promised else 'NOT KEPT'}"
        shown.append(f"{words:40} promised {promised:.1%}: {verdict}")
    shown += [
        "",
        f"Away for {month.down} minutes; {month.allowed} are allowed.",
        f"Payouts: {round(month.confirmed)} confirmed, {round(month.failed)} failed.",
    ]
    if month.unknown:
        shown.append(
            f"Of {month.unknown} minutes nothing is known: Prometheus was away, and they count for nothing."
        )
    if month.outages:
        shown += ["", "Outages:"]
        shown += [
            f"  {outage.began:%Y-%m-%d %H:%M}  {outage.minutes} min" for outage in month.outages[:MOST_SHOWN]
        ]
        if len(month.outages) > MOST_SHOWN:
            shown.append(f"  and {len(month.outages) - MOST_SHOWN} more: --json lists all.")
    return shown


def _month(text: str) -> tuple[int, int]:
    try:
        found = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise ArgumentTypeError("a month is YYYY-MM, like 2026-10") from None
    return found.year, found.month
