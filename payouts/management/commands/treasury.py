"""`manage.py treasury create|import|show`: the treasury's encrypted key file.

Prints the address and nothing else. Password and key come from a file or a prompt, never from an argument:
arguments stand in the process list and in the shell's history.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payouts.tron.signing import KeyFileError, KeyFileSigner, Secret, keyfile


class Command(BaseCommand):
    help = "Make the treasury's encrypted key file, put an existing key into one, or show its address."
    # A key ceremony happens offline: no database, no broker, no nodes.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("create", help="make a new key")
        importing = actions.add_parser("import", help="take an existing key: 64 hexadecimal digits")
        importing.add_argument(
            "--key-file", type=Path, help="file that holds the private key; without it, the prompt asks"
        )
        actions.add_parser("show", help="open the key file and print its address")
        for action in actions.choices.values():
            action.add_argument("--file", type=Path, help="the encrypted file (default: TREASURY_KEY_FILE)")
            action.add_argument(
                "--password-file", type=Path, help="holds the password (default: TREASURY_PASSWORD_FILE)"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"] or _setting("TREASURY_KEY_FILE")
        if path is None:
            raise CommandError("Name the key file: set TREASURY_KEY_FILE or give --file.")
        password_file = options["password_file"] or _setting("TREASURY_PASSWORD_FILE")
        try:
            self.stdout.write(_ACTIONS[options["action"]](path, password_file, options))
        except KeyFileError as error:
            raise CommandError(error.sentence) from None


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
