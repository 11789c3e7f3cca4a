"""The keys that sign the audit log's heads: one private, and every public one that there ever was.

It knows no Django: the demo makes its key before there are settings.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lucid_payments.private_files import replace_file

_PUBLIC_LINE: Final = re.compile(r"([0-9a-f]{16}) ([0-9a-f]{64})", re.ASCII)


class HeadKeyError(Exception):
    """The key that signs heads can't be read or made; the text says why."""


def public_file(file: Path) -> Path:
    """Beside the key's file: each public key that heads were ever signed with, a line each, the newest last."""
    return Path(f"{file}.pub")


def create(file: Path, *, anew: bool = False) -> str:
    """Make the private key (PEM, 0600) and add its public half to `file`.pub; answers the key's name.

    A key that is there is kept, unless `anew`: then the old one can sign nothing more, and what it signed still
    verifies.
    """
    public = public_file(file)
    if file.exists() and not anew:
        return name_of(read_private(file).public_key())
    key = Ed25519PrivateKey.generate()
    name = name_of(key.public_key())
    known = public.read_text() if public.exists() else ""
    # The public half first: a head that nobody can verify would read as forged.
    replace_file(public, f"{known}{name} {raw(key.public_key()).hex()}\n")
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    replace_file(file, pem.decode())
    return name


def name_of(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(raw(key)).hexdigest()[:16]


def read_public(file: Path) -> dict[str, Ed25519PublicKey]:
    """The public keys by name. Raises HeadKeyError for a file that isn't one of ours."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HeadKeyError(f"{file} can't be read: {error}") from None
    found = {}
    for number, line in enumerate(lines, start=1):
        match = _PUBLIC_LINE.fullmatch(line.strip())
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(match[2])) if match else None
        if match is None or key is None or name_of(key) != match[1]:
            raise HeadKeyError(f"{file}, line {number}, isn't a public key and its name.")
        found[match[1]] = key
    return found


def read_private(file: Path) -> Ed25519PrivateKey:
    """Raises HeadKeyError for what isn't an Ed25519 key."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise HeadKeyError(f"{file} can't be read as a private key: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise HeadKeyError(f"{file} holds another kind of key: `manage.py audit key` makes the right one.")
    return key


def raw(key: Ed25519PublicKey) -> bytes:
    """Its 32 bytes."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
