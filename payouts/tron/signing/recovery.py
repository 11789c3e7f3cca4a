"""Which address a public key or a signature belongs to."""

from __future__ import annotations

from coincurve import PublicKey
from Crypto.Hash import keccak

from payouts.tron import addresses


def address_of(public_key: PublicKey) -> str:
    """The base58check address of a key: the last 20 bytes of keccak-256 over its point."""
    point = public_key.format(compressed=False)[1:]
    return addresses.encode(addresses.from_evm(keccak.new(digest_bits=256, data=point).digest()[-20:]))


def recover_address(digest: bytes, signature: bytes) -> str:
    """The address that signed a 32-byte digest (signature r‖s‖v, v 0 or 1). Raises ValueError."""
    return address_of(PublicKey.from_signature_and_message(signature, digest, hasher=None))
