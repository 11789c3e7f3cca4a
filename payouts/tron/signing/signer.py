"""Something that signs digests with the treasury's key without ever giving the key away."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn, Protocol

from coincurve import PrivateKey

from payouts.tron.signing import keyfile
from payouts.tron.signing.errors import SignatureError
from payouts.tron.signing.recovery import address_of, recover_address
from payouts.tron.signing.secret import Secret


class Signer(Protocol):
    """A key in a file, an HSM or a KMS."""

    @property
    def address(self) -> str:
        """The key's base58check address."""
        ...

    def sign(self, digest32: bytes) -> bytes:
        """The 65-byte signature r‖s‖v (v 0 or 1, low s) of a txid. Raises `SigningError`."""
        ...

    def ready(self) -> None:
        """That the key can be used now; asked before anything is promised. Raises `SigningError`."""
        ...


class KeyFileSigner:
    """Signs with a key held in memory. Shows only its address; refuses to be pickled or copied."""

    __slots__ = ("_address", "_key")

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._address = address_of(key.public_key)

    @classmethod
    def open(cls, path: Path, password: Secret) -> KeyFileSigner:
        """Decrypts the key file; once, at start. Raises `KeyFileError`."""
        return cls(keyfile.open_key(path, password))

    @property
    def address(self) -> str:
        return self._address

    def ready(self) -> None:
        """A key in memory always is."""

    def sign(self, digest32: bytes) -> bytes:
        """See `Signer.sign`. The signature is checked against the address before it is returned."""
        if len(digest32) != 32:
            raise SignatureError("BAD_DIGEST", "Only 32-byte digests are signed.")
        signature: bytes = self._key.sign_recoverable(digest32, hasher=None)
        # A fault in memory or in the library must not leave as a transaction that never gets in.
        if recover_address(digest32, signature) != self._address:
            raise SignatureError("BAD_SIGNATURE", "The signature doesn't recover to the treasury's address.")
        return signature

    def __repr__(self) -> str:
        return f"KeyFileSigner({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A signer can't be pickled or copied: it holds the treasury's key.")
