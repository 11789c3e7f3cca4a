"""The one exception with which a start ends when the machine can't give what it needs."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DISK_FULL = "No space left on device"


class CannotStart(Exception):
    """Its text is one line for the person at the terminal: what is wrong and what to do."""


@contextmanager
def one_clear_line(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses under `folder` into a `CannotStart`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full(folder) from None
        raise CannotStart(f"{error.filename or folder}: {error.strerror}.") from None


def disk_full(folder: Path) -> CannotStart:
    return CannotStart(f"The disk that holds {folder} is full: free some space, or set DEMO_DIR to another.")
