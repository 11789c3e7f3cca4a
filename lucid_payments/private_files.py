"""Files and folders for secrets and state: private from their first moment, replaced in one step."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


def private_folder(folder: Path) -> Path:
    """The folder, made if need be, that only its owner enters."""
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(PRIVATE_FOLDER)
    return folder


def emptied_folder(folder: Path) -> Path:
    """The private folder without the files of an earlier life; folders in it stay."""
    for file in private_folder(folder).iterdir():
        if not file.is_dir():
            file.unlink()
    return folder


def replace_file(file: Path, content: str, *, group: int | None = None) -> None:
    """Give `file` the new content, 0600: a reader, also after a power cut, sees the old or the new, never a part.

    With the id of a `group` that reads it too: 0640.
    """
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w") as opened:
            if group is not None:
                os.chown(descriptor, -1, group)
                os.chmod(descriptor, PRIVATE_FILE | 0o040)
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    # The name stands in the folder: what is changed after this is never on the disk before it.
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def secret_file(file: Path, generate: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> Path:
    """The file with a secret that is generated once and kept from start to start."""
    if not file.exists():
        replace_file(file, generate() + "\n")
    return file
