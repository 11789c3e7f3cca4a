"""Makes the keys of a demo, once: `python -m lucid_payments.embedded.keys FOLDER`.

A process of its own, because the supervisor imports nothing but the standard library. What exists is kept:
the treasury's coins on the demo's chain belong to its key.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

import coincurve
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from eth_keyfile.keyfile import create_keyfile_json
from eth_utils.crypto import keccak

from lucid_payments.embedded.files import replace_file, secret_file
from payouts.tron import addresses

# scrypt's cost: the key of a devnet, on the smallest machines, opened at every start.
DEMO_SCRYPT_COST = 2**14


def make_keys(folder: Path) -> None:
    """`jwt.pem`, `treasury-password`, `treasury.json` (Web3 key file) and `treasury-address`, all 0600."""
    secret_file(folder / "jwt.pem", _jwt_key)
    password = secret_file(folder / "treasury-password").read_text().strip()
    if not (folder / "treasury-address").exists():
        key = secrets.token_bytes(32)
        document = create_keyfile_json(key, password.encode(), kdf="scrypt", iterations=DEMO_SCRYPT_COST)
        replace_file(folder / "treasury.json", json.dumps(document) + "\n")
        # Last: its presence says that the key file is whole.
        replace_file(folder / "treasury-address", _address(key) + "\n")


def _address(key: bytes) -> str:
    public = coincurve.PrivateKey(key).public_key.format(compressed=False)[1:]
    return addresses.encode(bytes([addresses.VERSION]) + keccak(public)[-addresses.EVM_LENGTH :])


def _jwt_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode().rstrip("\n")


if __name__ == "__main__":
    make_keys(Path(sys.argv[1]))
