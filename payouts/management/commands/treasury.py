"""`manage.py treasury create|import|show`: the treasury's key, in an encrypted file or inside an HSM.

Prints the address and nothing else. Password, PIN and key come from a file or a prompt, never from an argument:
arguments stand in the process list and in the shell's history.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payouts import treasury_key
from payouts.tron.signing import HsmSigner, KeyFileError, KeyFileSigner, Secret, SigningError, keyfile


class Command(BaseCommand):
    help = "Make the treasury's key in an encrypted file or an HSM, put an existing one into a file, show the address."
    # A key ceremony happens offline: no database, no broker, no nodes.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        creating = _added(actions, "create", "make a new key")
        importing = _added(actions, "import", "take an existing key: 64 hexadecimal digits")
        importing.add_argument(
            "--key-file", type=Path, help="file that holds the private key; without it, the prompt asks"
        )
        showing = _added(actions, "show", "open the key and print its address")
        for action in (creating, showing):
            action.add_argument(
                "--pkcs11",
                action="store_true",
                help="inside the HSM that TREASURY_PKCS11_MODULE and _TOKEN name",
            )
            action.add_argument(
                "--key", default="", help="the key's label there (default: TREASURY_PKCS11_KEY)"
            )
            action.add_argument("--pin-file", type=Path, help="holds the PIN (default: TREASURY_PIN_FILE)")
        for action in actions.choices.values():
            action.add_argument("--file", type=Path, help="the encrypted file (default: TREASURY_KEY_FILE)")
            action.add_argument(
                "--password-file", type=Path, help="holds the password (default: TREASURY_PASSWORD_FILE)"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        if options.get("pkcs11") or (settings.TREASURY_PKCS11_MODULE and not options["file"]):
            self.stdout.write(_in_hsm(options))
            return
        path = options["file"] or _setting("TREASURY_KEY_FILE")
        if path is None:
            raise CommandError("Name the key file: set TREASURY_KEY_FILE or give --file.")
        password_file = options["password_file"] or _setting("TREASURY_PASSWORD_FILE")
        try:
            self.stdout.write(_ACTIONS[options["action"]](path, password_file, options))
        except KeyFileError as error:
            raise CommandError(error.sentence) from None


def _added(actions: Any, name: str, help: str) -> CommandParser:
    """An action without abbreviations: `--pin 1234` must not be taken for the name of a file, and be shown."""
    parser: CommandParser = actions.add_parser(name, help=help, allow_abbrev=False)
    return parser


def _in_hsm(options: dict[str, Any]) -> str:
    if options["action"] == "import":
        raise CommandError(
            "A key that was outside isn't put into an HSM: make a new one there, and pay to it."
        )
    pin_file = options["pin_file"] or _setting("TREASURY_PIN_FILE")
    try:
        place = treasury_key.hsm_place(options["key"])
        pin = Secret.from_file(pin_file) if pin_file else Secret(getpass.getpass("PIN: "))
        if options["action"] == "create":
            return HsmSigner.create(place, pin).address
        return HsmSigner(place, pin, by_hand=True).address
    except (SigningError, ImproperlyConfigured) as error:
        raise CommandError(str(error)) from None


def _create(path: Path, password_file: Path | None, options: dict[str, Any]) -> str:
    return keyfile.create(path, _new_password(password_file), scrypt_n=keyfile.SCRYPT_N)


def _import(path: Path, password_file: Path | None, options: dict[str, Any]) -> str:
    key_file = options["key_file"]
    key = Secret.from_file(key_file) if key_file else Secret(getpass.getpass("Private key: "))
    return keyfile.import_key(path, key, _new_password(password_file), scrypt_n=keyfile.SCRYPT_N)


def _show(path: Path, password_file: Path | None, options: dict[str, Any]) -> str:
    password = Secret.from_file(password_file) if password_file else Secret(getpass.getpass("Password: "))
    return KeyFileSigner.open(path, password).address


_ACTIONS = {"create": _create, "import": _import, "show": _show}


def _new_password(password_file: Path | None) -> Secret:
    if password_file:
        return Secret.from_file(password_file)
    password = Secret(getpass.getpass("New password: "))
    if not password.same_as(Secret(getpass.getpass("Once more: "))):
        raise KeyFileError("PASSWORDS_DIFFER", "The two passwords differ; nothing was written.")
    return password


def _setting(name: str) -> Path | None:
    value: str = getattr(settings, name)
    return Path(value) if value else None
