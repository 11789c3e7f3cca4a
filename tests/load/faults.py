"""`python -m tests.load faults [payouts]`: the bench with 5 % of node calls failing at random, and without."""

from __future__ import annotations

from typing import Any

from tests.faults import report
from tests.load.client import Client
from tests.load.figures import Run, measure, wait_for
from tests.load.stack import Stack, free_port, running

PAYOUTS = 200
# One call in a hundred each; the first two after the node has done what it was asked.
FAILURES: tuple[dict[str, Any], ...] = (
    {"kind": "cut", "processed": True},
    {"kind": "status", "status": 502, "processed": True},
    {"kind": "status", "status": 503},
    {"kind": "truncate"},
    {"kind": "error"},
)
PERCENT_EACH = 1


def main(payouts: int = PAYOUTS) -> int:
    """Pay so many twice on one stack, first undisturbed; writes the figures into docs/faults.md."""
    with running(free_port(), DEMO_HISTORY_DAYS="0", IN_FLIGHT_CAP="1000", V0_IN_FLIGHT_CAP="1000") as stack:
        client = Client(stack.facts)
        undisturbed = _run(stack, client, "undisturbed", payouts)
        for failure in FAILURES:
            stack.devnet.fault(endpoint="wallet*", percent=PERCENT_EACH, **failure)
        disturbed = _run(stack, client, "disturbed", payouts)
        attempts = stack.query("SELECT count(*) FROM payouts_attempt")[0][0]
    lines = figures(undisturbed, disturbed, attempts)
    print("\n".join(lines), flush=True)
    report.write_figures(lines)
    return 0 if not any(run.duplicates or run.stuck for run in (undisturbed, disturbed)) else 1


def figures(undisturbed: Run, disturbed: Run, attempts: int) -> list[str]:
    """The table for docs/faults.md."""
    return [
        "## Throughput with failing nodes",
        "",
        f"{undisturbed.payouts} payouts at once on one stack, 3-second blocks, 20 ms node latency; then as many with"
        f" {len(FAILURES) * PERCENT_EACH} % of all node calls failing at random (cut or answered 502 after the node did"
        " what it was asked, 503, half an answer, rate limit). "
        f"{attempts} transactions were signed for the {undisturbed.payouts + disturbed.payouts} payouts.",
        "",
        "| Node calls failing | Payouts a second, accepted to confirmed | Sent a second | Confirmed p95 (s) |"
        " Node calls each | Duplicates | Stuck |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        _line("none", undisturbed),
        _line(f"{len(FAILURES) * PERCENT_EACH} %", disturbed),
    ]


def _line(name: str, run: Run) -> str:
    return (
        f"| {name} | {run.payouts / run.whole:.1f} | {run.payouts / run.sending:.1f} | {run.confirmed_p95:.0f} |"
        f" {run.calls_each:.2f} | {run.duplicates} | {run.stuck} |"
    )


def _run(stack: Stack, client: Client, name: str, payouts: int) -> Run:
    stack.devnet.reset_calls()
    payout_ids = client.pay_many(name, payouts)
    wait_for(stack, payout_ids, limit_seconds=600 + payouts)
    return measure(stack, payout_ids)
