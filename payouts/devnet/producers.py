"""The 27 block producers and the faucet: keys derived from public constants, worth nothing anywhere."""

from __future__ import annotations

import hashlib
from typing import Final

from coincurve import PrivateKey
from Crypto.Hash import keccak

PRODUCER_COUNT: Final = 27


def devnet_key(name: str) -> PrivateKey:
    """A throwaway key, the same on every devnet."""
    return PrivateKey(hashlib.sha256(f"devnet {name}".encode()).digest())


def address_of(public_key: bytes) -> bytes:
    """The 21-byte address of an uncompressed public key (65 bytes)."""
    return b"\x41" + keccak.new(digest_bits=256, data=public_key[1:]).digest()[-20:]


def sign(key: PrivateKey, digest: bytes) -> bytes:
    """A deterministic 65-byte signature r, s, v with v 0 or 1."""
    return key.sign_recoverable(digest, hasher=None)


PRODUCER_KEYS: Final = tuple(devnet_key(f"producer {number}") for number in range(PRODUCER_COUNT))
PRODUCERS: Final = tuple(address_of(key.public_key.format(compressed=False)) for key in PRODUCER_KEYS)
FAUCET_KEY: Final = devnet_key("faucet")
FAUCET: Final = address_of(FAUCET_KEY.public_key.format(compressed=False))
