"""What a key ceremony does beside making the key: a test signature, a backup in shares, and its drill.

Run offline, on a machine that forgets; docs/ceremony.md is its order. Nothing printed here is secret.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from payouts.tron import signed_messages
from payouts.tron.signing import Secret, Signer, keyfile, shares
from payouts.tron.signing.signer import KeyFileSigner

ACTIONS: Final = ("prove", "check", "backup", "restore")
Add = Callable[[str, str], CommandParser]
NewPassword = Callable[[], Secret]


def add_arguments(add: Add) -> None:
    proving = add("prove", "sign a stated text, as a wallet does: it can never be a payment")
    proving.add_argument("--text", required=True, help="what both people read out, with the day in it")
    checking = add("check", "whose key signed a text")
    checking.add_argument("--text", required=True)
    checking.add_argument("--signature", required=True)
    backup = add("backup", "seal a copy of the key file, and write what opens it in shares, one a person")
    backup.add_argument("--sealed", type=Path, required=True, help="the copy: a file that isn't there yet")
    _add_shares(backup, "a file for each person's share, on a medium of their own")
    backup.add_argument(
        "--needed", type=int, default=shares.NEEDED, help="how many of them open it (default: 2)"
    )
    restoring = add("restore", "put the key back from its sealed copy and enough shares")
    restoring.add_argument("--sealed", type=Path, required=True)
    _add_shares(restoring, "the shares that are here")
    restoring.add_argument("--drill", action="store_true", help="write nothing: print the address alone")


def prove(signer: Signer, text: str) -> str:
    """The address, the text and the signature, a line each. Raises SigningError."""
    signature = signer.sign(signed_messages.digest(text)).hex()
    return f"address    {signer.address}\ntext       {text}\nsignature  {signature}"


def check(text: str, signature: str) -> str:
    try:
        return signed_messages.signer_of(text, signature)
    except signed_messages.BadSignature as error:
        raise CommandError(str(error)) from None


def backup(key_file: Path, password: Secret, options: dict[str, Any]) -> str:
    """The address of the key that was sealed. Raises KeyFileError."""
    key = keyfile.open_key(key_file, password)
    return shares.seal(key, options["sealed"], options["share"], needed=options["needed"])


def restore(key_file: Path | None, new_password: NewPassword, options: dict[str, Any]) -> str:
    """The address of the key that came back, after its file was written. Raises KeyFileError."""
    key = shares.unseal(options["sealed"], options["share"])
    if options["drill"]:
        return KeyFileSigner(key).address
    if key_file is None:
        raise CommandError("Name the key file: set TREASURY_KEY_FILE or give --file; or give --drill.")
    return keyfile.import_key(key_file, Secret(key.to_hex()), new_password(), scrypt_n=keyfile.SCRYPT_N)


def _add_shares(parser: CommandParser, help: str) -> None:
    parser.add_argument(
        "--share", type=Path, action="append", required=True, help=f"{help}; give it several times"
    )
