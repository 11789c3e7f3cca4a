"""Messages signed by a wallet: TIP-191, as tronweb's `signMessageV2` and tronpy's `sign_msg` make them.

The wallet hashes a prefix that no transaction can begin with, so a signed message never pays anybody.
"""

from __future__ import annotations

import re
from typing import Final

from coincurve import PublicKey
from Crypto.Hash import keccak

from payouts.tron import addresses

_PREFIX: Final = b"\x19TRON Signed Message:\n"
_SIGNATURE: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{130})", re.ASCII)


class BadSignature(ValueError):
    """The text is no signature, or belongs to no key."""


def digest(message: str) -> bytes:
    """What is signed: keccak-256 over the prefix, the length in bytes of the message's UTF-8, and the message."""
    content = message.encode()
    return keccak.new(digest_bits=256, data=_PREFIX + str(len(content)).encode() + content).digest()


def signer_of(message: str, signature: str) -> str:
    """The base58check address whose key signed `message`.

    `signature` is r‖s‖v in hex, 65 bytes, `0x` before it or not, v 0 and 1 or 27 and 28. Raises BadSignature.
    """
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise BadSignature("A signature is 65 bytes in hexadecimal: r, s and v.")
    content = bytes.fromhex(match[1])
    v = content[64] - 27 if content[64] >= 27 else content[64]
    if v not in (0, 1):
        raise BadSignature("The signature's last byte must be 0, 1, 27 or 28.")
    try:
        key = PublicKey.from_signature_and_message(content[:64] + bytes([v]), digest(message), hasher=None)
    except Exception as error:  # coincurve raises plain Exception where the point isn't on the curve
        raise BadSignature("The signature belongs to no key.") from error
    point = key.format(compressed=False)[1:]
    return addresses.encode(addresses.from_evm(keccak.new(digest_bits=256, data=point).digest()[-20:]))
