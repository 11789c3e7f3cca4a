"""Where the embedded servers put their Unix sockets."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from lucid_payments.private_files import private_folder, replace_file

# A Unix socket's address holds 107 bytes and PostgreSQL adds "/.s.PGSQL.5432.lock" to its folder.
LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432.lock")
# Blanks and the like would need another quoting in each of the URLs and options that name the folder.
PLAIN = re.compile(r"[A-Za-z0-9/._-]+")


def socket_folder(home: Path) -> Path:
    """A private folder for sockets: in `home` when its name is short and plain, else one under /tmp.

    The latter's name is kept in `home`, so that a start after a crash finds it again.
    """
    inside = home / "sockets"
    if len(os.fsencode(inside)) <= LONGEST_FOLDER and PLAIN.fullmatch(str(inside)):
        return private_folder(inside)
    record = home / "socket-folder"
    if record.exists():
        recorded = Path(record.read_text().strip())
        if _is_ours(recorded):
            return recorded
    outside = Path(tempfile.mkdtemp(prefix="lucid-", dir="/tmp"))  # short, private, unpredictable
    replace_file(record, f"{outside}\n")
    return outside


def remove_socket_folder(home: Path, folder: Path) -> None:
    """Remove the folder when it lies outside `home`, after the servers have stopped."""
    if home not in folder.parents:
        shutil.rmtree(folder, ignore_errors=True)
        (home / "socket-folder").unlink(missing_ok=True)


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
