"""Change the database password of the application's role: `python -m lucid_payments.database_password FOLDER…`.

Each FOLDER is searched with the folders in it for files `database-url`; all of them hold the same URL. The role changes
its own password: the server is given its SCRAM verifier and never the password. Sessions that are open go on; new ones
need the new password, so every process is started anew at once. Cut off in between, it is run again.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from lucid_payments.secret_files import SecretFileError, rewrite

NAME: Final = "database-url"


def change(folders: list[Path]) -> list[Path]:
    """Raises SecretFileError, psycopg.Error, OSError."""
    files = sorted(
        file for folder in folders for file in [folder / NAME, *folder.glob(f"*/{NAME}")] if file.is_file()
    )
    urls = {file.read_text("utf-8").strip() for file in files}
    if len(urls) != 1:
        raise SecretFileError(
            f"Files {NAME} with one and the same URL are needed; there are {len(urls)} different ones."
        )
    (url,) = urls
    if urlsplit(url).password is None:
        raise SecretFileError("The URL has no password: the server knows this role by other means (peer).")
    pending = [file.with_name(f".{NAME}.next") for file in files]
    new = _pending(pending) or _with_password(url, secrets.token_urlsafe(32))
    for file, waiting in zip(files, pending, strict=True):
        if not waiting.exists():
            waiting.touch(0o600)
        rewrite(waiting, new + "\n", like=file)
    if not _opens(new):
        _tell_server(url, urlsplit(new).password or "")
    for file, waiting in zip(files, pending, strict=True):
        waiting.replace(file)
    return files


def _pending(files: list[Path]) -> str:
    """What an earlier run that was cut off may have told the server already."""
    return next((text for file in files if file.exists() and (text := file.read_text("utf-8").strip())), "")


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{quote(password, safe='')}@{host}"))


def _opens(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _tell_server(url: str, password: str) -> None:
    with psycopg.connect(url, connect_timeout=10) as connection:
        role = connection.info.user
        verifier = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
        )


def main(arguments: list[str]) -> int:
    try:
        files = change([Path(one) for one in arguments])
    except (SecretFileError, OSError, psycopg.Error) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program of its own
        return 1
    print("\n".join(map(str, files)))  # noqa: T201 - a program of its own
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
