"""The key ring of this installation, read again whenever its file has changed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lucid_payments.accounts import keyring
from lucid_payments.accounts.keyring import RING, KeyRing, KeyRingError


def token_ring() -> KeyRing:
    """The ring in JWT_KEYS_DIR. Raises ImproperlyConfigured for one that can't be read."""
    folder = Path(settings.JWT_KEYS_DIR)
    try:
        changed = (folder / RING).stat()
    except OSError:
        raise ImproperlyConfigured(
            f"JWT_KEYS_DIR: {folder} holds no key ring. `manage.py tokenkeys create` makes one."
        ) from None
    return _load(folder, (changed.st_mtime_ns, changed.st_ino))


@cache
def _load(folder: Path, version: tuple[int, int]) -> KeyRing:
    """One reading per version of the file; a process sees few in its life."""
    try:
        return keyring.load(folder)
    except KeyRingError as error:
        raise ImproperlyConfigured(f"JWT_KEYS_DIR: {error}") from error
