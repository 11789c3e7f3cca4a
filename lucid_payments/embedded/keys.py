"""Makes the keys of a demo, once: `python -m lucid_payments.embedded.keys FOLDER`.

A process of its own, because the supervisor imports nothing but the standard library. What exists is kept:
the treasury's coins on the demo's chain belong to its key.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kyc import keyring as vault_keys
from kyc.attestation import keys as authority_keys
from lucid_payments.accounts import keyring
from lucid_payments.audit import head_keys
from lucid_payments.private_files import replace_file, secret_file
from payouts.tron.signing import keyfile
from payouts.tron.signing.recovery import address_of
from payouts.tron.signing.secret import Secret

# A devnet's key, opened at every start of the smallest machine.
DEMO_SCRYPT_N = 2**14
AUTHORITY = "demo-authority (a test key on this machine)"
AUTHORITY_FILE = "authority.json"
AUTHORITY_PASSWORD_FILE = "authority-password"  # noqa: S105 - the file's name


def make_keys(folder: Path) -> None:
    """The rings `jwt/` and `kyc-keys.json`, `audit-head.pem`, the demo's compliance authority, `treasury-password`,
    `treasury.json` (Web3 key file) and `treasury-address`, all 0600.
    """
    keyring.create(folder / "jwt")
    make_authority(folder)
    vault_keys.create(folder / "kyc-keys.json")
    password = Secret.from_file(secret_file(folder / "treasury-password"))
    key_file = folder / "treasury.json"
    if key_file.exists():
        address = address_of(keyfile.open_key(key_file, password).public_key)
    else:
        address = keyfile.create(key_file, password, scrypt_n=DEMO_SCRYPT_N)
    head_keys.create(folder / "audit-head.pem")
    # Last: its presence says that everything else is there.
    replace_file(folder / "treasury-address", address + "\n")


def make_authority(folder: Path) -> None:
    """The demo's compliance authority: a test key, which stands here beside its password."""
    password = secret_file(folder / AUTHORITY_PASSWORD_FILE).read_text().strip()
    if not (folder / AUTHORITY_FILE).exists():
        authority_keys.create(folder / AUTHORITY_FILE, AUTHORITY, password, scrypt_n=DEMO_SCRYPT_N)


if __name__ == "__main__":
    make_keys(Path(sys.argv[1]))
