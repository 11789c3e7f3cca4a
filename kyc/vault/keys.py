"""The ring in KYC_KEYS_FILE, read again whenever the file has changed: a rotation needs no restart."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from kyc import keyring
from kyc.keyring import Kek, KeyRingError, Ring
from kyc.vault.errors import KeysUnavailable


def ring() -> Ring:
    """Raises KeysUnavailable for a ring that is missing, open to others or damaged."""
    if not settings.KYC_KEYS_FILE:
        raise KeysUnavailable("KYC_KEYS_FILE is not set: nothing about a person can be stored or read.")
    file = Path(settings.KYC_KEYS_FILE)
    try:
        found = file.stat()
    except OSError as error:
        raise KeysUnavailable(f"KYC_KEYS_FILE: {file} can't be read: {error.strerror}.") from None
    return _load(file, (found.st_mtime_ns, found.st_ino, found.st_mode, found.st_size))


def kek(kek_id: str) -> Kek:
    """The key of that name. Raises KeysUnavailable for one that the ring doesn't have."""
    try:
        return ring().get(kek_id)
    except KeyRingError as error:
        raise KeysUnavailable(f"KYC_KEYS_FILE: {error}") from None


def in_use_since() -> float | None:
    """Since when the key that wraps is in use (epoch seconds); None where no ring is set."""
    return ring().current.since if settings.KYC_KEYS_FILE else None


@cache
def _load(file: Path, version: tuple[int, ...]) -> Ring:
    """One reading per version of the file; a process sees few in its life."""
    try:
        return keyring.load(file)
    except KeyRingError as error:
        raise KeysUnavailable(f"KYC_KEYS_FILE: {error}") from None
