"""The RSA keys that sign tokens: one signs, the next is published before it does, earlier ones still verify.

A folder with `ring.json`, which names the keys in order, and a PEM file for each. Every process reads the ring
again when the file has changed, so that a rotation needs no restart.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from lucid_payments.private_files import PRIVATE_FILE, private_folder, replace_file

MINIMUM_BITS: Final = 2048
RING: Final = "ring.json"
LOCK: Final = ".lock"
# A verifier that has read the key set may keep it so long: the next key is published at least so long before it
# signs.
PUBLISHED_SECONDS: Final = 900


class KeyRingError(Exception):
    """The ring can't be read, or can't be changed like that; the text says why and what would do."""


class KeyState(StrEnum):
    NEXT = "next"
    SIGNING = "signing"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class TokenKey:
    """`kid` is the RFC 7638 thumbprint, so that it names the key and nothing else; `since` is in epoch seconds.

    A retiring key has no private half any more: it verifies what it signed, and can sign nothing.
    """

    kid: str
    state: KeyState
    since: int
    public: RSAPublicKey
    private: RSAPrivateKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one folder as they are now. Each change answers the ring after it."""

    folder: Path
    keys: tuple[TokenKey, ...]

    @property
    def signing(self) -> TokenKey:
        return next(key for key in self.keys if key.state == KeyState.SIGNING)

    def sign_with(self) -> RSAPrivateKey:
        """The private half of the signing key."""
        private = self.signing.private
        if private is None:
            raise KeyRingError("The signing key has no private half.")
        return private

    def verifying(self, kid: Any) -> RSAPublicKey | None:
        """The public key of that name. The next one verifies too: a node of a cluster may sign with it first."""
        return next((key.public for key in self.keys if key.kid == kid), None)

    def add(self) -> KeyRing:
        """Make the next key and publish it. Raises KeyRingError while there is one."""
        if self._next() is not None:
            raise KeyRingError("There is a next key already: rotate to it, or drop it.")
        return self._with([*self.keys, _made(KeyState.NEXT)])

    def rotate(self, *, at_once: bool = False) -> KeyRing:
        """Let the next key sign; what the earlier one signed is valid until it expires.

        Raises KeyRingError without a next key, or, unless `at_once`, before verifiers can have seen it.
        """
        following = self._next()
        if following is None:
            raise KeyRingError("There is no next key: add one first, and rotate 15 minutes later.")
        waits = PUBLISHED_SECONDS - (_now() - following.since)
        if waits > 0 and not at_once:
            raise KeyRingError(
                f"The next key was published less than 15 minutes ago: verifiers may not know it. Wait {waits} s."
            )
        now = _now()
        retiring = replace(self.signing, state=KeyState.RETIRING, since=now, private=None)
        others = [key for key in self.keys if key.state == KeyState.RETIRING]
        return self._with([*others, retiring, replace(following, state=KeyState.SIGNING, since=now)])

    def drop(self, kid: str) -> KeyRing:
        """Take a key out: every token that it signed is void at once. Raises KeyRingError for the signing one."""
        if kid == self.signing.kid:
            raise KeyRingError("This key signs now: rotate first (--at-once when it is known to others).")
        if self.verifying(kid) is None:
            raise KeyRingError(f"The ring has no key {kid}.")
        return self._with([key for key in self.keys if key.kid != kid])

    def without_expired(self, lifetime_seconds: int) -> KeyRing:
        """Forget keys that retired so long ago that nothing they signed is valid any more."""
        limit = _now() - lifetime_seconds
        kept = [key for key in self.keys if key.state != KeyState.RETIRING or key.since >= limit]
        return self if len(kept) == len(self.keys) else self._with(kept)

    def jwks(self) -> dict[str, Any]:
        """The public halves as a JSON Web Key Set (RFC 7517)."""
        return {
            "keys": [
                {**public_jwk(key.public), "kid": key.kid, "use": "sig", "alg": "RS256"} for key in self.keys
            ]
        }

    def _next(self) -> TokenKey | None:
        return next((key for key in self.keys if key.state == KeyState.NEXT), None)

    def _with(self, keys: Iterable[TokenKey]) -> KeyRing:
        changed = KeyRing(self.folder, tuple(keys))
        _write(changed)
        return changed


def create(folder: Path) -> KeyRing:
    """The ring of a new installation, with one key; the one that is there, where there is one."""
    with changing(folder):
        if (folder / RING).exists():
            return load(folder)
        ring = KeyRing(folder, (_made(KeyState.SIGNING),))
        _write(ring)
        return ring


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Whoever reads the ring to change it does so in here, one at a time: else a dropped key could come back."""
    descriptor = os.open(private_folder(folder) / LOCK, os.O_CREAT | os.O_RDWR, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def load(folder: Path) -> KeyRing:
    """Raises KeyRingError for a ring that is missing, unreadable, weak, or has not exactly one signing key."""
    try:
        entries = json.loads((folder / RING).read_text())["keys"]
        keys = tuple(_read(folder, entry) for entry in entries)
    except (OSError, ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        raise KeyRingError(
            f"{folder} holds no key ring that we can read ({type(error).__name__})."
        ) from error
    if sum(key.state == KeyState.SIGNING for key in keys) != 1:
        raise KeyRingError(f"{folder} must name exactly one signing key.")
    return KeyRing(folder, keys)


def public_jwk(key: RSAPublicKey) -> dict[str, Any]:
    """The members that RFC 7638 hashes, no more."""
    numbers = key.public_numbers()
    return {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}


def thumbprint(key: RSAPublicKey) -> str:
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _made(state: KeyState) -> TokenKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=MINIMUM_BITS)
    public = private.public_key()
    kid = thumbprint(public)
    # `tokenkeys drop` would read that name as an option.
    return _made(state) if kid.startswith("-") else TokenKey(kid, state, _now(), public, private)


def _read(folder: Path, entry: dict[str, Any]) -> TokenKey:
    pem, state = (folder / f"{entry['kid']}.pem").read_bytes(), KeyState(entry["state"])
    private: Any = serialization.load_pem_private_key(pem, password=None) if b"PRIVATE" in pem else None
    public: Any = private.public_key() if private else serialization.load_pem_public_key(pem)
    if not isinstance(public, RSAPublicKey) or public.key_size < MINIMUM_BITS:
        raise KeyRingError(f"{folder}: {entry['kid']} must be an RSA key of at least {MINIMUM_BITS} bits.")
    if thumbprint(public) != entry["kid"]:
        raise KeyRingError(f"{folder}: {entry['kid']}.pem holds another key than its name says.")
    if state == KeyState.RETIRING:
        # A rotation that was cut off leaves it in the file, to no use.
        private = None
    elif private is None:
        raise KeyRingError(f"{folder}: {entry['kid']}.pem holds no private half.")
    return TokenKey(entry["kid"], state, int(entry["since"]), public, private)


def _write(ring: KeyRing) -> None:
    """New keys, then the ring, then what it needs no more is taken away: cut off anywhere, a ring is whole."""
    files = {ring.folder / f"{key.kid}.pem": key for key in ring.keys}
    for file, key in files.items():
        if not file.exists():
            replace_file(file, _pem(key))
    entries = [{"kid": key.kid, "state": key.state, "since": key.since} for key in ring.keys]
    replace_file(ring.folder / RING, json.dumps({"keys": entries}, indent=2) + "\n")
    for file, key in files.items():
        if key.private is None:
            replace_file(file, _pem(key))
    for file in {*ring.folder.glob("*.pem"), *ring.folder.glob(".*.pem.*")} - files.keys():
        file.unlink(missing_ok=True)


def _pem(key: TokenKey) -> str:
    if key.private is None:
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        return key.public.public_bytes(serialization.Encoding.PEM, kind).decode()
    return key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _now() -> int:
    return int(time.time())
