"""`last.json`: what monitoring and doctor read about the backups. No secret, readable by all."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lucid_payments.private_files import replace_file


def note(file: Path, **facts: Any) -> None:
    """Change some of it; the loop and the daily base backup both write here."""
    with alone(file.with_name("last.lock")):
        replace_file(file, json.dumps({**told(file), **facts}, indent=1) + "\n")
        file.chmod(0o644)


def told(file: Path) -> dict[str, Any]:
    """What was written last; empty if nothing, or nothing readable, was."""
    try:
        read = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go of it however this one ends."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
