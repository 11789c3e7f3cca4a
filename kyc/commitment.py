"""What an attestation's `kyc.hash` commits to: a person's record, salted so that no guess can be tried against it.

`"sha256:" + hex(SHA-256("lucid/kyc-commitment/v1\\0" ‖ salt ‖ JCS(record)))`, JCS as in RFC 8785 (compliance: KYC).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping

import rfc8785

SALT_BYTES = 32
# What is hashed here can't be taken for what is hashed elsewhere, nor a later version's for this one's.
_DOMAIN = b"lucid/kyc-commitment/v1\0"


class InvalidRecord(ValueError):
    """The record or the salt is not what a commitment is made of. Its text names no value of the record's."""


def new_salt() -> bytes:
    """32 random bytes. It is kept inside the encrypted record: without it a birth date is guessed in a moment."""
    return secrets.token_bytes(SALT_BYTES)


def commit(record: Mapping[str, str], salt: bytes) -> str:
    """The commitment to `record`: `sha256:` and 64 lower-case hex digits.

    The record holds strings only, with fields in any order, so that no two programs write one number in two ways.
    Raises InvalidRecord for an empty record, for anything but strings, for text that UTF-8 can't carry, and for a
    salt that isn't 32 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise InvalidRecord(f"A salt is {SALT_BYTES} bytes.")
    if not record:
        raise InvalidRecord("A record without a field commits to nothing.")
    for name, value in record.items():
        if type(name) is not str or type(value) is not str:
            raise InvalidRecord("A record holds strings only, as names and as values.")
    try:
        canonical = rfc8785.dumps(dict(record))
    except (rfc8785.CanonicalizationError, UnicodeError):
        # Not chained: the library's error would carry the value that it couldn't write.
        raise InvalidRecord("A text of the record can't be written in UTF-8.") from None
    return "sha256:" + hashlib.sha256(_DOMAIN + salt + canonical).hexdigest()


def matches(commitment: str, record: Mapping[str, str], salt: bytes) -> bool:
    """Whether `record` and `salt` are what this commitment was made of."""
    return hmac.compare_digest(commitment.encode(), commit(record, salt).encode())
