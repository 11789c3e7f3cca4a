"""`make bench`: how fast payouts travel, how that grows with their number, and what they cost in node calls.

Numbers as arguments replace the sizes of the first table: `python -m tests.load 100 500`; `gate` measures the
release gate alone, `faults` the same with failing nodes and without, `work` what the API takes of Blockchain Core,
`desk` how long a compliance officer waits for the next case, `held` an administrator for the limits, `month` how
long a month takes to freeze and compute, `uploads` what a file of 5,000 payouts costs, `reports` how long a report
takes to make, `signing` both signers' rate, `gateway` what HAProxy takes and adds.
"""

from __future__ import annotations

import subprocess
import sys

from tests.load import desk, faults, gate, gateway, held, month, reports, signing, uploads, work
from tests.load.client import Client
from tests.load.figures import Run, measure, wait_for
from tests.load.stack import Stack, free_port, running

SIZES = (100, 500, 2000)
ARRIVING_PER_SECOND = 5
ARRIVING = 300


def main(sizes: tuple[int, ...]) -> int:
    runs: list[Run] = []
    with running(free_port(), IN_FLIGHT_CAP="1000", V0_IN_FLIGHT_CAP="1000") as stack:
        client = Client(stack.facts)
        for size in sizes:
            say(f"\nAt once, in-flight cap 1,000, 3-second blocks, 20 ms node latency: {size}")
            runs.append(one_run(stack, client, f"at-once-{size}", size))
        say(f"\n{ARRIVING_PER_SECOND} a second arriving, in-flight cap 1,000: {ARRIVING}")
        runs.append(one_run(stack, client, "arriving", ARRIVING, per_second=ARRIVING_PER_SECOND))
    with running(free_port(), V0_IN_FLIGHT_CAP="10") as stack:
        say("\nAt once, default in-flight cap of 10: 100")
        runs.append(one_run(stack, Client(stack.facts), "cap-10", 100))
    return 0 if not any(run.duplicates or run.stuck for run in runs) else 1


def one_run(stack: Stack, client: Client, name: str, count: int, per_second: float | None = None) -> Run:
    stack.devnet.reset_calls()
    payout_ids = client.pay_many(name, count, per_second=per_second)
    wait_for(stack, payout_ids, limit_seconds=180 + count)
    run = measure(stack, payout_ids)
    for line in run.lines():
        say(line)
    return run


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["gate"]:
        sys.exit(gate.main())
    if sys.argv[1:2] == ["gateway"]:
        sys.exit(gateway.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["faults"]:
        sys.exit(faults.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["work"]:
        sys.exit(work.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["reports"]:
        sys.exit(reports.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["desk"]:
        sys.exit(desk.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["held"]:
        sys.exit(held.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["month"]:
        sys.exit(month.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["uploads"]:
        sys.exit(uploads.main(*map(int, sys.argv[2:])))
    if sys.argv[1:2] == ["signing"]:
        sys.exit(signing.main(*map(int, sys.argv[2:])))
    sizes = tuple(int(size) for size in sys.argv[1:]) or SIZES
    # In a process of its own: it takes the tests' environment.
    alone = subprocess.run([sys.executable, "-m", "tests.load", "gate"], check=False).returncode
    signing.main()
    sys.exit(main(sizes) or alone)
