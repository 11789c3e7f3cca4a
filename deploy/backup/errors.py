"""The one exception with which a backup or a restore ends."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BackupError(Exception):
    """Its text is one line for the operator: what is wrong, and what is left as it was."""


@contextmanager
def one_clear_line(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses under `folder` into a BackupError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full(folder) from None
        raise BackupError(f"{error.filename or folder}: {error.strerror or error}.") from None


def disk_full(folder: Path) -> BackupError:
    return BackupError(
        f"The disk that holds {folder} is full: nothing was kept of this, what was there stays."
    )
