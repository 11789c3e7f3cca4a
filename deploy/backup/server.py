"""A private PostgreSQL that brings a base backup to a moment, reachable by nobody else."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from deploy.backup.errors import BackupError
from deploy.backup.postgres import Programs

# The signer reads it at its next start: it locks itself, and the kill switch is pulled (`payouts.recovery`).
RESTORED: Final = "restored"
_READY_WITHIN: Final = 3600


def recover(programs: Programs, data: Path, log: Path, superuser: str, to: datetime | None) -> None:
    """Replay the log in `log` onto the cluster in `data`, up to `to` or to its end; then tell it what it is.

    Raises BackupError. The cluster is shut down cleanly, with nothing left of how it was recovered.
    """
    with _served(programs, data, _settings(log, to)) as (sockets, said, server):
        _wait(programs, sockets, said, server, to)
        _tell_the_signer(sockets, superuser)
    for left in ("backup_label.old", "tablespace_map.old", "backup_manifest", "recovery.signal"):
        (data / left).unlink(missing_ok=True)


def _settings(log: Path, to: datetime | None) -> dict[str, str]:
    settings = {
        "restore_command": f'cp "{log}/%f" "%p"',
        # A moment after an earlier restore is found in a base backup from after it.
        "recovery_target_timeline": "current",
        "recovery_target_action": "promote",
    }
    if to is not None:
        settings["recovery_target_time"] = to.isoformat()
    return settings


@contextmanager
def _served(
    programs: Programs, data: Path, recovery: dict[str, str]
) -> Iterator[tuple[Path, Path, subprocess.Popen[bytes]]]:
    private = Path(tempfile.mkdtemp(prefix="lucid-restore-"))
    said = private / "log"
    try:
        (private / "hba").write_text("local all all trust\n")
        (private / "ident").write_text("")
        (private / "conf").write_text("")
        (data / "recovery.signal").touch()
        _hand_over(programs, data, private)
        settings = {
            "config_file": str(private / "conf"),
            "hba_file": str(private / "hba"),
            "ident_file": str(private / "ident"),
            "listen_addresses": "",
            "unix_socket_directories": str(private),
            # Before its end nobody is let in, so none of the old server's settings must be matched.
            "hot_standby": "off",
            # One call for the file system in place of one for each file.
            "recovery_init_sync_method": "syncfs",
            "logging_collector": "off",
            "max_connections": "20",
            **recovery,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(said, "wb") as log:
            server = programs.popen([programs["postgres"], "-D", str(data), *options], log, unprivileged=True)
        try:
            yield private, said, server
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(300)
        if server.returncode != 0:
            raise BackupError(f"PostgreSQL didn't shut down cleanly: {_last_word(said)}")
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _hand_over(programs: Programs, *folders: Path) -> None:
    """To the account that the server runs as, where root restores for it."""
    if os.geteuid() != 0 or not programs.user:
        return
    account = pwd.getpwnam(programs.user)
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _wait(
    programs: Programs, sockets: Path, said: Path, server: subprocess.Popen[bytes], to: datetime | None
) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    ready = [programs["pg_isready"], "-q", "-h", str(sockets), "-t", "2"]
    while subprocess.run(ready, capture_output=True, check=False).returncode != 0:  # noqa: S603
        if server.poll() is not None:
            raise _why(said, to)
        if time.monotonic() > deadline:
            raise BackupError(f"PostgreSQL isn't through with the log after an hour: {_last_word(said)}")
        time.sleep(0.1)


def _why(said: Path, to: datetime | None) -> BackupError:
    told = said.read_text(errors="replace")
    if "recovery ended before configured recovery target was reached" in told and to is not None:
        found = re.findall(r"last completed transaction was at log time (.+)", told)
        end = f": its last transaction is of {found[-1].strip()}" if found else ""
        return BackupError(
            f"The backup doesn't reach to {to.isoformat()}{end}. Leave --to out to take its end."
        )
    if (
        "could not locate required checkpoint record" in told
        or "WAL ends before end of online backup" in told
    ):
        return BackupError("The backup's log is incomplete: the base backup can't be made consistent.")
    return BackupError(f"PostgreSQL: {_last_word(said)}")


def _last_word(said: Path) -> str:
    lines = [line for line in said.read_text(errors="replace").splitlines() if line.strip()]
    worst = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return [*lines, *worst][-1] if lines else "it ended without a word"


def _tell_the_signer(sockets: Path, superuser: str) -> None:
    """In every database of ours: this is a restored one."""
    try:
        with psycopg.connect(
            host=str(sockets), user=superuser, dbname="template1", autocommit=True
        ) as server:
            rows = server.execute("SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate")
            names = [name for (name,) in rows]
        for name in names:
            with psycopg.connect(host=str(sockets), user=superuser, dbname=name) as database:
                found = database.execute("SELECT to_regclass('public.payouts_signerstate')").fetchone()
                if found and found[0]:
                    database.execute(
                        sql.SQL("UPDATE payouts_signerstate SET journal_place = {}").format(RESTORED)
                    )
    except psycopg.Error as error:
        raise BackupError(f"The restored database: {str(error).strip().splitlines()[0]}") from None
