"""DEMO_DIR: the folder in which one demo keeps everything, held by one supervisor at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lucid_payments.embedded.refusal import CannotStart, disk_full, one_clear_line
from lucid_payments.private_files import private_folder

MARKER = ".lucid-demo"
LOCK = "supervisor.lock"
LEAST_FREE_BYTES = 300 * 1024 * 1024


def open_home(folder: Path) -> Path:
    """The folder, made and marked as ours; one that holds something else is refused, since reset wipes it."""
    with one_clear_line(folder):
        private_folder(folder)
        marker = folder / MARKER
        if not marker.exists():
            if any(folder.iterdir()):
                raise CannotStart(
                    f"{folder} holds something that isn't a demo: set DEMO_DIR to another folder."
                )
            marker.write_text("`make demo-reset` wipes this folder.\n")
        if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            raise disk_full(folder)
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder; the kernel lets go of it however this process ends."""
    with one_clear_line(folder), open(folder / LOCK, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"Process {lock.read().strip() or 'of another demo'} runs the demo in {folder}: "
                "stop it first, or set DEMO_DIR and DEMO_PORT for a second one."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def wipe(folder: Path) -> None:
    """Remove everything in a demo's folder; any other folder is refused."""
    if not (folder / MARKER).is_file():
        raise CannotStart(f"{folder} isn't a demo's folder (no {MARKER} in it): nothing was removed.")
    with one_clear_line(folder):
        for entry in folder.iterdir():
            if entry.name == MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
