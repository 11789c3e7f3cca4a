"""What a supervisor that was killed left running, found again and ended by the next start.

The kernel ends the children of a killed supervisor (`die_with_parent`), but a child may take its time, and
its own children may outlive it. A pid alone could be somebody else's by now: boot, pid and start are kept.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from lucid_payments.embedded.processes import signal_group, started_at
from lucid_payments.private_files import replace_file

RECORD = "processes.json"
PATIENCE_SECONDS = 5.0


def record(home: Path, pids: dict[str, int]) -> None:
    """Write down which processes run now."""
    lives = {name: {"pid": pid, "started": started_at(pid)} for name, pid in pids.items()}
    replace_file(home / RECORD, json.dumps({"boot": _boot(), "processes": lives}, indent=2) + "\n")


def end_leftovers(home: Path) -> list[str]:
    """End what the record names and what still lives in its process groups; the names that were found."""
    found = {
        name: members
        for name, life in _recorded(home).items()
        if (members := _members(life["pid"], life["started"]))
    }
    for which in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        groups = {leader for members in found.values() for leader, _ in members}
        for leader in groups:
            signal_group(leader, which)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if not any(started_at(pid) for members in found.values() for _, pid in members):
                return list(found)
            time.sleep(0.05)
    return list(found)


def _recorded(home: Path) -> dict[str, dict[str, int]]:
    try:
        document = json.loads((home / RECORD).read_text())
        if document["boot"] != _boot():
            return {}
        return {
            name: {"pid": int(life["pid"]), "started": int(life["started"] or 0)}
            for name, life in document["processes"].items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _members(leader: int, started: int) -> list[tuple[int, int]]:
    """(group, pid) of each process in the group that `leader` led, unless the pid has a new life by now."""
    if started_at(leader) not in (None, started):
        return []
    members = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (since := started_at(int(entry))) is not None and since >= started:
            try:
                if os.getpgid(int(entry)) == leader:
                    members.append((leader, int(entry)))
            except ProcessLookupError:
                continue
    return members


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
