"""Change a secret that stands in files, while everything runs: `python -m lucid_payments.secret_files`.

    change secret-key FOLDER…    a new one in its first line; the one before it, in the second, still counts
    settle secret-key FOLDER…    the one before it counts no longer (but audit-seal's, by which the past is verified)

Each FOLDER is searched with the folders in it for files of that name; all of them get the same secret. Every process
that has the secret is started anew after either step. Needs no settings, so that root can run it; no secret is shown.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Final

from lucid_payments.private_files import replace_file

CHANGING: Final = ("secret-key", "webhook-key", "gateway-token", "metrics-token")
"""Those that `env.changing_secret` reads: two may count at once."""
KEPT: Final = ("audit-seal",)
"""Those whose earlier ones stay below the new one: what they signed is still verified."""
LENGTH: Final = 48


class SecretFileError(Exception):
    """The text is a sentence for operators, and holds no secret."""


def change(name: str, folders: list[Path]) -> list[Path]:
    """Give every file of that name one new secret, the one it had below it; one that was cut off goes on.

    Raises SecretFileError.
    """
    files = _files(name, folders)
    lines = _newest_lines(files)
    if any(_lines(file) != lines for file in files):
        return _write(files, lines)
    if len(lines) > 1 and name not in KEPT:
        raise SecretFileError(
            f"{name} was changed before: settle that first, once every process has started anew."
        )
    return _write(files, [secrets.token_urlsafe(LENGTH), *lines])


def settle(name: str, folders: list[Path]) -> list[Path]:
    """Only the newest one counts from now on. Raises SecretFileError."""
    if name in KEPT:
        raise SecretFileError(f"What {name} signed is verified by it for ever: it stays.")
    files = _files(name, folders)
    return _write(files, _newest_lines(files)[:1])


def _files(name: str, folders: list[Path]) -> list[Path]:
    if name not in CHANGING + KEPT:
        raise SecretFileError(f"{name} can't be changed this way; these can: {', '.join(CHANGING + KEPT)}.")
    files = sorted(
        file for folder in folders for file in [folder / name, *folder.glob(f"*/{name}")] if file.is_file()
    )
    if not files:
        raise SecretFileError(
            f"There is no file {name} in {', '.join(map(str, folders))} or the folders in it."
        )
    return files


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8").split()


def _newest_lines(files: list[Path]) -> list[str]:
    """What all of them should hold; after a change that was cut off, some hold what stands below the new one."""
    found = [_lines(file) for file in files]
    newest = max(found, key=len)
    if not all(one and one[0] in newest for one in found):
        raise SecretFileError(
            f"These are empty or differ; make them the same by hand: {', '.join(map(str, files))}."
        )
    return newest


def _write(files: list[Path], lines: list[str]) -> list[Path]:
    for file in files:
        rewrite(file, "\n".join(lines) + "\n", like=file)
    return files


def rewrite(file: Path, content: str, *, like: Path) -> None:
    """The file anew, with owner and mode of `like`: a process reads the old or the new, never a part."""
    status = like.stat()
    replace_file(file, content)
    if (file.stat().st_uid, file.stat().st_gid) != (status.st_uid, status.st_gid):
        os.chown(file, status.st_uid, status.st_gid)
    file.chmod(status.st_mode & 0o777)


def main(arguments: list[str]) -> int:
    steps = {"change": change, "settle": settle}
    if len(arguments) < 3 or arguments[0] not in steps:
        print(__doc__)  # noqa: T201 - a program of its own
        return 2
    try:
        files = steps[arguments[0]](arguments[1], [Path(one) for one in arguments[2:]])
    except (SecretFileError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program of its own
        return 1
    print("\n".join(map(str, files)))  # noqa: T201 - a program of its own
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
