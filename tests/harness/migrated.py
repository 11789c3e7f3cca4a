"""A migrated cluster kept between test runs: migrating from nothing takes longer than most folders' tests.

It is found by what migrations are made of. `migrate` runs on it all the same, so what it does after migrating
(permissions, rights) is always today's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = REPOSITORY / "var" / "migrated"
# The database that the template is copied from.
DATABASE = "lucid_migrated"
# A branch looked at in between shouldn't cost the other one's.
_CLUSTERS = 3
# What migrations run besides themselves.
_ALSO = (
    "lucid_payments/clock.py",
    "lucid_payments/money.py",
    "lucid_payments/privileges.py",
    "requirements.lock",
)


def bring(data: Path) -> bool:
    """Copy the kept cluster of these migrations to `data`; False where there is none."""
    kept = _place()
    try:
        os.utime(kept)
        shutil.copytree(kept, data, copy_function=shutil.copy, symlinks=True)
    except OSError:
        # None, or another run has just thrown it away.
        shutil.rmtree(data, ignore_errors=True)
        return False
    data.chmod(0o700)
    return True


def keep(data: Path) -> None:
    """Keep a copy of the cluster in `data`, whose server has been stopped; only the last few are kept."""
    kept = _place()
    KEPT.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="new-", dir=KEPT))
    shutil.copytree(data, unfinished / "data", symlinks=True)
    try:
        (unfinished / "data").rename(kept)
    except OSError:
        # Somebody else was first.
        shutil.rmtree(unfinished / "data")
    unfinished.rmdir()
    clusters = sorted(KEPT.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in clusters[_CLUSTERS:]:
        shutil.rmtree(old, ignore_errors=True)


def _place() -> Path:
    digest = hashlib.sha256(f"{os.getuid()} {sys.version_info[:2]}".encode())
    migrations = [
        path
        for room in ("lucid_payments", "kyc", "routers", "payouts")
        for path in (REPOSITORY / room).glob("**/migrations/*.py")
    ]
    for path in [*sorted(migrations), *(REPOSITORY / name for name in _ALSO)]:
        digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes())
    return KEPT / digest.hexdigest()[:24]
