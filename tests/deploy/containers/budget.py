"""What everything takes on a machine with 4 GB and two cores: `python -m tests.deploy.containers.budget [PAYOUTS]`.

A whole demo, under a limit of 4 GB that the kernel keeps (a control group; the machine needs cgroup v1's `memory`) and
on two cores, pays that many payouts. Printed: each process's memory, the highest of all together, whether the kernel
had to refuse any, and the bytes that a payout leaves in each table. The figures of docs/containers.md come from here.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.faults.orders import descendants
from tests.faults.rig import wait_until
from tests.load.client import Client
from tests.load.stack import Stack, free_port, running

MACHINE_BYTES: Final = 4 * 1024**3
CORES: Final = 2
GROUPS: Final = Path("/sys/fs/cgroup/memory")
PROCESSES: Final = ("postgres", "valkey", "web", "worker", "signer", "beat", "devnet")
LONGEST_SECONDS: Final = 900
SIZES: Final = """
SELECT relname, pg_total_relation_size(relid), n_tup_ins FROM pg_stat_user_tables ORDER BY 2 DESC
"""


@contextmanager
def small_machine() -> Iterator[Path]:
    """This process, and all that it starts, has so much memory and no swap, and two cores."""
    group = GROUPS / f"lucid-{os.getpid()}"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(MACHINE_BYTES))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    try:
        yield group
    finally:
        (GROUPS / "cgroup.procs").write_text(str(os.getpid()))
        # Empty once what was stopped has gone.
        wait_until(lambda: not (group / "cgroup.procs").read_text(), "the group isn't empty")
        group.rmdir()


def memory_of(pid: int) -> tuple[int, int]:
    """(its own share now, the most it ever had resident) in KiB, of a process with all that it started."""
    now = most = 0
    for member in descendants(pid):
        try:
            shares = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
            status = Path(f"/proc/{member}/status").read_text().splitlines()
        except OSError:
            continue
        now += sum(int(line.split()[1]) for line in shares if line.startswith("Pss:"))
        most += sum(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return now, most


def sizes(stack: Stack) -> dict[str, int]:
    return {str(name): int(size) for name, size, _ in stack.query(SIZES)}


def pay(stack: Stack, count: int) -> float:
    """So many payouts until all are confirmed; answers the seconds. Raises TimeoutError."""
    began = time.monotonic()
    ids = Client(stack.facts).pay_many("budget", count)
    while stack.query(
        "SELECT 1 FROM payouts_payout WHERE payout_id = ANY(%s) AND status <> 'confirmed' LIMIT 1", ids
    ):
        if time.monotonic() - began > LONGEST_SECONDS:
            raise TimeoutError("not all are paid")
        time.sleep(2)
    return time.monotonic() - began


def report(count: int) -> None:
    with (
        small_machine() as group,
        running(free_port(), DEMO_HISTORY_DAYS="0", V0_IN_FLIGHT_CAP="10", LOG_LEVEL="WARNING") as stack,
    ):
        before = sizes(stack)
        seconds = pay(stack, count)
        time.sleep(5)
        say(f"{count} payouts in {seconds:.0f} s")
        for name in PROCESSES:
            now, most = memory_of(stack.pids()[name])
            say(f"{name:10} {now / 1024:6.0f} MiB now {most / 1024:6.0f} MiB at most")
        peak, refused = (group / "memory.max_usage_in_bytes", group / "memory.failcnt")
        say(
            f"all, with the page cache: {int(peak.read_text()) / 2**20:.0f} MiB; refused: {refused.read_text().strip()}"
        )
        after = sizes(stack)
        for table in sorted(after, key=lambda name: before.get(name, 0) - after[name]):
            if (grown := after[table] - before.get(table, 0)) > 0:
                say(f"{table:35} {grown / count:8.0f} bytes a payout")
        say(f"together {(sum(after.values()) - sum(before.values())) / count:.0f} bytes a payout")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
