"""AES-256-GCM over one value, bound to the place where it is stored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kyc.vault.errors import Unreadable

# The format's number is the first byte of what is stored, and part of what is authenticated.
FORMAT: Final = b"\x01"
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands. Opened for any other place, what was sealed for this one is refused.

    `pk` names the row for ever and is known before it is inserted: a random id, not a sequence's next number.
    `version` rises when the value in one place is replaced, so that an older one can't be put back.
    """

    table: str
    column: str
    pk: str
    version: int = 1


def encrypt(key: bytes, plaintext: bytes, about: tuple[str, ...]) -> bytes:
    """`plaintext` under `key`, readable only with the very same words `about` it."""
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, plaintext, _associated(about))


def decrypt(key: bytes, sealed: bytes | memoryview, about: tuple[str, ...]) -> bytes:
    """What `encrypt` was given. Raises Unreadable for another key, other words or a changed byte."""
    sealed = bytes(sealed)
    if len(sealed) < len(FORMAT) + NONCE_BYTES + TAG_BYTES or not sealed.startswith(FORMAT):
        raise Unreadable("This was not sealed by the vault, or its beginning was changed.")
    nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, rest, _associated(about))
    except InvalidTag:
        raise Unreadable("This was sealed with another key, for another place, or was changed.") from None


def _associated(about: tuple[str, ...]) -> bytes:
    """Each word with its length before it: ("a", "bc") is never taken for ("ab", "c")."""
    words = [word.encode() for word in about]
    return b"lucid/vault\0" + FORMAT + b"".join(len(word).to_bytes(4, "big") + word for word in words)
