"""The encrypted key file: Web3 v3 (scrypt, AES-128-CTR, keccak MAC), which many wallets can read too.

Secrets live in as few frames as possible: an error is raised only after they are out of scope, and never
from within an `except`, whose exception would carry the library's frames, with key and password in their
locals, to whoever logs it.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, Final

from coincurve import PrivateKey

from payouts.tron import addresses
from payouts.tron.signing.errors import KeyFileError
from payouts.tron.signing.recovery import address_of
from payouts.tron.signing.secret import Secret
from payouts.tron.signing.web3 import create_keyfile_json, decode_keyfile_json

# About half a second and 256 MB to open.
SCRYPT_N: Final = 2**18
# Opening a file made by somebody else must not take all memory.
MAX_SCRYPT_N: Final = 2**20
MAX_FILE_BYTES: Final = 16 * 1024
MIN_PASSWORD_LENGTH: Final = 12


def create(path: Path, password: Secret, *, scrypt_n: int = SCRYPT_N) -> str:
    """Writes a key file with a new key and returns its address. Raises `KeyFileError`."""
    return _store(path, PrivateKey(), password, scrypt_n)


def import_key(path: Path, private_key: Secret, password: Secret, *, scrypt_n: int = SCRYPT_N) -> str:
    """Writes a key file with a key that exists (64 hex digits, 0x allowed) and returns its address.

    Raises `KeyFileError`.
    """
    key = _parse_key(private_key)
    if key is None:
        raise KeyFileError("BAD_KEY", "The private key isn't 64 hexadecimal digits of a valid key.")
    return _store(path, key, password, scrypt_n)


def open_key(path: Path, password: Secret) -> PrivateKey:
    """The key in a file. Raises `KeyFileError`: missing, open to all, malformed, altered, wrong password."""
    document = _read(path)
    key = _decrypt(document, password)
    if key is None:
        raise KeyFileError(
            "WRONG_PASSWORD",
            f"The password of {path} is wrong, or the file was altered: it can't be decrypted.",
        )
    # The MAC doesn't cover the initialisation vector: altering that gives another key, which this finds.
    matches = (
        addresses.to_evm(addresses.decode(address_of(key.public_key))).hex() == document["address"].lower()
    )
    if not matches:
        del key
        raise KeyFileError("ALTERED", f"The key in {path} doesn't belong to the address the file names.")
    return key


def _parse_key(private_key: Secret) -> PrivateKey | None:
    digits = private_key.reveal().strip().removeprefix("0x")
    if len(digits) != 64:
        return None
    try:
        return PrivateKey(bytes.fromhex(digits))
    except ValueError:
        return None


def _store(path: Path, key: PrivateKey, password: Secret, scrypt_n: int) -> str:
    if len(password) < MIN_PASSWORD_LENGTH:
        del key
        raise KeyFileError("WEAK_PASSWORD", f"The password needs at least {MIN_PASSWORD_LENGTH} characters.")
    address = address_of(key.public_key)
    document = create_keyfile_json(key.secret, password.reveal().encode(), kdf="scrypt", iterations=scrypt_n)
    del key
    write_new(path, json.dumps(document, indent=2) + "\n")
    # Read back before anybody funds the address.
    readable = _decrypt(_read(path), password) is not None
    if not readable:
        raise KeyFileError("NOT_READABLE", f"{path} was written but can't be read back; don't use it.")
    return address


def _decrypt(document: dict[str, Any], password: Secret) -> PrivateKey | None:
    try:
        return PrivateKey(decode_keyfile_json(document, password.reveal().encode()))
    except (ValueError, TypeError, KeyError):
        return None


def write_new(path: Path, content: str) -> None:
    """Puts a file of mode 0600 in place at once and whole; one that exists is never replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails when the name is taken.
        os.link(partial, path)
    except FileExistsError:
        raise KeyFileError("EXISTS", f"{path} exists already and is never overwritten.") from None
    finally:
        os.unlink(partial)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
        if status.st_mode & stat.S_IRWXO:
            raise KeyFileError("OPEN_TO_ALL", f"{path} is open to every user of this machine: chmod 600 it.")
        if status.st_size > MAX_FILE_BYTES:
            raise KeyFileError("MALFORMED", f"{path} is too long for a key file.")
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise KeyFileError("MISSING", f"There is no key file {path}.") from None
    except OSError as error:
        raise KeyFileError("UNREADABLE", f"{path} can't be read: {error.strerror}.") from None
    except ValueError:
        raise KeyFileError("MALFORMED", f"{path} isn't JSON.") from None
    if not _is_key_file(document):
        raise KeyFileError("MALFORMED", f"{path} isn't a Web3 v3 key file with scrypt within our bounds.")
    return document  # type: ignore[no-any-return]


def _is_key_file(document: object) -> bool:
    match document:
        case {
            "version": 3,
            "address": str(),
            "crypto": {
                "cipher": "aes-128-ctr",
                "kdf": "scrypt",
                "kdfparams": {"n": int(n), "r": 8, "p": 1, "dklen": 32, "salt": str()},
                "cipherparams": {"iv": str()},
                "ciphertext": str(),
                "mac": str(),
            },
        }:
            return 1 < n <= MAX_SCRYPT_N
    return False
