"""`make load`: twenty clients against the real web with 100,000 payouts behind it; fails where a target is missed.

`python -m tests.load.api [SECONDS] [PAYOUTS]`. The figures are those of the clients, on the machine that they share
with the web, its database and its cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.load.stack import ROOT, free_port
from tests.load.web import Web, serving

SECONDS: Final = 180
PAYOUTS: Final = 100_000
CLIENTS: Final = 20
# Each client's own pace. Together 6,600 a minute, where they are answered in time.
PER_CLIENT: Final = 5.5
# Milliseconds; contract.md's own targets are four, two and two times as high.
TARGETS: Final = {"p50": 25, "p95": 100, "p99": 250}
A_MINUTE: Final = 6_000
LOCUST: Final = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True)
class Figures:
    """Of one kind of request, or of all; times by millisecond, as locust keeps them."""

    name: str
    times: Counter[int]
    failures: int
    seconds: float

    @property
    def requests(self) -> int:
        return self.times.total()

    @property
    def a_minute(self) -> float:
        return 60 * self.requests / self.seconds if self.seconds else 0.0

    def percentile(self, part: float) -> int:
        """The time within which this part of all requests was answered."""
        left = part * self.requests
        for time in sorted(self.times):
            left -= self.times[time]
            if left <= 0:
                return time
        return 0

    def line(self) -> str:
        p50, p95, p99 = (self.percentile(part) for part in (0.5, 0.95, 0.99))
        return (
            f"{self.name:32} {self.requests:8} {self.a_minute:9.0f} {p50:6} {p95:6} {p99:6} {self.failures:7}"
        )


def figures(entries: list[dict[str, Any]]) -> list[Figures]:
    """Of each kind of request as locust reports it, and of all together last. Tokens are fetched before the run."""
    asked = [entry for entry in entries if entry["name"] != "POST /auth/key"]
    began = min((entry["start_time"] for entry in asked), default=0.0)
    ended = max((entry["last_request_timestamp"] or began for entry in asked), default=0.0)
    found = [
        Figures(
            entry["name"],
            Counter({round(float(time)): count for time, count in entry["response_times"].items()}),
            entry["num_failures"],
            ended - began,
        )
        for entry in sorted(asked, key=lambda entry: str(entry["name"]))
    ]
    together: Counter[int] = Counter()
    for each in found:
        together += each.times
    failures = sum(entry["num_failures"] for entry in entries)
    return [*found, Figures("all", together, failures, ended - began)]


def missed(together: Figures) -> list[str]:
    """Each target that isn't met, in a sentence."""
    found = [
        f"{name} is {value} ms and should be under {TARGETS[name]} ms"
        for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        if (value := together.percentile(part)) >= TARGETS[name]
    ]
    if together.a_minute <= A_MINUTE:
        found.append(f"{together.a_minute:.0f} requests a minute are not over {A_MINUTE}")
    if together.failures:
        found.append(f"{together.failures} requests failed")
    return found


def run(web: Web, seconds: int) -> list[dict[str, Any]]:
    """Locust's report of so many seconds against this web."""
    with tempfile.TemporaryDirectory(prefix="lucid-load-") as folder:
        clients, report = Path(folder) / "clients.json", Path(folder) / "report"
        clients.write_text(json.dumps(web.clients))
        command = [
            sys.executable,
            "-m",
            "locust",
            "--headless",
            "--only-summary",
            "--skip-log",
            "-f",
            str(LOCUST),
        ]
        command += ["--host", web.base_url, "--users", str(CLIENTS), "--spawn-rate", str(CLIENTS)]
        command += ["--run-time", f"{seconds}s", "--stop-timeout", "10", "--json-file", str(report)]
        told = {"LOAD_CLIENTS": str(clients), "LOAD_PER_CLIENT": str(PER_CLIENT), "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **told}, stdout=subprocess.DEVNULL, check=False
        )
        written = report.with_suffix(".json")
        if not written.exists():
            raise RuntimeError(f"locust ended with status {ended.returncode} and no report")
        entries: list[dict[str, Any]] = json.loads(written.read_text())
        return entries


def main(seconds: int = SECONDS, payouts: int = PAYOUTS) -> int:
    with serving(free_port(), payouts=payouts, clients=CLIENTS) as web:
        print(f"{payouts:,} payouts; {CLIENTS} clients for {seconds} s", flush=True)
        load, before = os.getloadavg()[0], web.cpu_seconds()
        found = figures(run(web, seconds))
        used = {name: total - before[name] for name, total in web.cpu_seconds().items()}
    print(f"{'':32} {'requests':>8} {'a minute':>9} {'p50':>6} {'p95':>6} {'p99':>6} {'errors':>7}")
    for each in found:
        print(each.line())
    costs = ", ".join(
        f"{name} {1000 * total / max(1, found[-1].requests):.1f}" for name, total in used.items()
    )
    print(f"processor time of a request, ms: {costs}")
    print(f"{os.cpu_count()} cores; load average {load:.1f} before, {os.getloadavg()[0]:.1f} at the end")
    failed = missed(found[-1])
    print("\n".join(failed) or "every target is met", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
