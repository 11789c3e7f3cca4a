"""The folder that HAProxy reads: what should stand in it, what does, and how the one becomes the other."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from lucid_payments.gateway.configuration import KEYS, TOKEN_MAP, Door, key_file, text_of
from lucid_payments.gateway.issuers import TokenIssuer
from lucid_payments.private_files import private_folder, replace_file

CONFIGURATION: Final = "haproxy.cfg"
# Its group enters and reads, and nobody else.
SHARED_FOLDER: Final = 0o750


def wanted(door: Door, issuers: Sequence[TokenIssuer], folder: Path) -> dict[Path, str]:
    """Every file with its content, in the order in which they are written: the configuration last.

    Whatever it is cut off at, HAProxy finds a configuration whose files are all there.
    """
    keys = {
        key_file(folder, issuer, kid): _pem(key) for issuer in issuers for kid, key in issuer.keys.items()
    }
    return {
        **keys,
        folder / TOKEN_MAP: f"token {door.token}\n",
        folder / CONFIGURATION: text_of(door, issuers, folder),
    }


def differences(files: Mapping[Path, str], folder: Path) -> list[str]:
    """The names, within the folder, of what is missing, other than wanted, or wanted no more."""
    changed = [file for file, content in files.items() if _content(file) != content]
    return sorted(str(file.relative_to(folder)) for file in {*changed, *_left_over(files, folder)})


class Refused(Exception):
    """HAProxy won't have the configuration; the text is its own."""


def write(files: Mapping[Path, str], folder: Path, *, group: int | None = None) -> list[str]:
    """Make the folder so, and answer what was changed; files are 0600, or 0640 with a `group` that reads them.

    Raises Refused, and leaves the old configuration, where HAProxy is on this machine and won't have the new one.
    """
    changed = differences(files, folder)
    for place in (folder, folder / KEYS):
        private_folder(place)
        if group is not None:
            shutil.chown(place, group=group)
            place.chmod(SHARED_FOLDER)
    for file, content in files.items():
        if str(file.relative_to(folder)) not in changed:
            continue
        if file.name == CONFIGURATION:
            _try(content, folder)
        replace_file(file, content, group=group)
    for file in _left_over(files, folder):
        file.unlink(missing_ok=True)
    return changed


def verdict(configuration: Path) -> str | None:
    """What HAProxy has against it: empty for nothing, None where HAProxy isn't on this machine."""
    command = ["haproxy", "-c", "-f", str(configuration)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except FileNotFoundError:
        return None
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip() or "HAProxy refuses it."


def _try(content: str, folder: Path) -> None:
    candidate = folder / f".{CONFIGURATION}.candidate"
    replace_file(candidate, content)
    try:
        if refused := verdict(candidate):
            raise Refused(refused)
    finally:
        candidate.unlink()


def _left_over(files: Mapping[Path, str], folder: Path) -> set[Path]:
    """Keys that nothing verifies with any more, and what a writing that was cut off has left."""
    return {*folder.glob(f"{KEYS}/*.pem"), *folder.glob(f"{KEYS}/.*.pem.*")} - files.keys()


def _content(file: Path) -> str | None:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return None


def _pem(key: RSAPublicKey) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, kind).decode()
