"""demo.json: what a person or a test needs to use the demo. Valid JSON, 0600, at every moment."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

from lucid_payments.private_files import replace_file


def merge(file: Path, part: dict[str, Any]) -> None:
    """Give the top-level keys of `part` their new values and leave the others as they are.

    The supervisor writes `pids`, `world` everything else: each holds the lock from its
    reading to its writing, so neither loses the other's keys.
    """
    with open(file.with_name(f".{file.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        replace_file(file, json.dumps({**read(file), **part}, indent=2, sort_keys=True) + "\n")


def read(file: Path) -> dict[str, Any]:
    """The document, or an empty one where there is none yet."""
    if not file.exists():
        return {}
    found: dict[str, Any] = json.loads(file.read_text())
    return found
