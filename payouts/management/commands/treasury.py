"""`manage.py treasury`: the treasury's key, in an encrypted file or inside an HSM, and what its ceremony does with it.

Prints addresses and signatures of texts, and nothing else. Password, PIN and key come from a file or a prompt, never
from an argument: arguments stand in the process list and in the shell's history. What a key holds is swept, and
another key put in its place, by the acts of `payouts.sweeps`.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payouts import treasury_ceremony, treasury_key
from payouts.sweeps import command, rotating
from payouts.tron.signing import HsmSigner, KeyFileError, KeyFileSigner, Secret, Signer, SigningError, keyfile


class Command(BaseCommand):
    help = (
        "The treasury's key, in a file or an HSM: make, show, prove, back up, restore, sweep and replace it."
    )
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
        treasury_ceremony.add_arguments(lambda name, help: _added(actions, name, help))
        for action in (creating, showing, actions.choices["prove"]):
            _add_hsm(action)
        for action in list(actions.choices.values()):
            action.add_argument("--file", type=Path, help="the encrypted file (default: TREASURY_KEY_FILE)")
            action.add_argument(
                "--password-file", type=Path, help="holds the password (default: TREASURY_PASSWORD_FILE)"
            )

        command.add_actions(actions)
        rotating.add_action(actions)

    def handle(self, *args: Any, **options: Any) -> None:
        act = {**command.ACTS, "rotate": rotating.rotate}.get(options["action"])
        if act is not None:
            act(self.stdout, options)
            return
        try:
            self.stdout.write(_ACTIONS[options["action"]](options))
        except (SigningError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from None


def _added(actions: Any, name: str, help: str) -> CommandParser:
    """An action without abbreviations: `--pin 1234` must not be taken for the name of a file, and be shown."""
    parser: CommandParser = actions.add_parser(name, help=help, allow_abbrev=False)
    return parser


def _add_hsm(action: CommandParser) -> None:
    action.add_argument(
        "--pkcs11", action="store_true", help="inside the HSM that TREASURY_PKCS11_MODULE and _TOKEN name"
    )
    action.add_argument("--key", default="", help="the key's label there (default: TREASURY_PKCS11_KEY)")
    action.add_argument("--pin-file", type=Path, help="holds the PIN (default: TREASURY_PIN_FILE)")


def _create(options: dict[str, Any]) -> str:
    if _is_in_hsm(options):
        return HsmSigner.create(treasury_key.hsm_place(options["key"]), _pin(options)).address
    return keyfile.create(_key_file(options), _new_password(options), scrypt_n=keyfile.SCRYPT_N)


def _import(options: dict[str, Any]) -> str:
    if _is_in_hsm(options):
        raise CommandError(
            "A key that was outside isn't put into an HSM: make a new one there, and pay to it."
        )
    key_file = options["key_file"]
    path = _key_file(options)
    key = Secret.from_file(key_file) if key_file else Secret(getpass.getpass("Private key: "))
    return keyfile.import_key(path, key, _new_password(options), scrypt_n=keyfile.SCRYPT_N)


def _show(options: dict[str, Any]) -> str:
    return _opened(options).address


def _prove(options: dict[str, Any]) -> str:
    return treasury_ceremony.prove(_opened(options), options["text"])


def _check(options: dict[str, Any]) -> str:
    return treasury_ceremony.check(options["text"], options["signature"])


def _backup(options: dict[str, Any]) -> str:
    if _is_in_hsm(options):
        raise CommandError(
            "A key in an HSM never leaves it: back it up by the HSM's own means, into another HSM."
        )
    return treasury_ceremony.backup(_key_file(options), _password(options), options)


def _restore(options: dict[str, Any]) -> str:
    path = options["file"] or _setting("TREASURY_KEY_FILE")
    return treasury_ceremony.restore(path, lambda: _new_password(options), options)


_ACTIONS = {
    "create": _create,
    "import": _import,
    "show": _show,
    "prove": _prove,
    "check": _check,
    "backup": _backup,
    "restore": _restore,
}


def _opened(options: dict[str, Any]) -> Signer:
    if _is_in_hsm(options):
        return HsmSigner(treasury_key.hsm_place(options["key"]), _pin(options), by_hand=True)
    return KeyFileSigner.open(_key_file(options), _password(options))


def _is_in_hsm(options: dict[str, Any]) -> bool:
    return bool(options.get("pkcs11") or (settings.TREASURY_PKCS11_MODULE and not options["file"]))


def _key_file(options: dict[str, Any]) -> Path:
    path: Path | None = options["file"] or _setting("TREASURY_KEY_FILE")
    if path is None:
        raise CommandError("Name the key file: set TREASURY_KEY_FILE or give --file.")
    return path


def _password(options: dict[str, Any]) -> Secret:
    file = options["password_file"] or _setting("TREASURY_PASSWORD_FILE")
    return Secret.from_file(file) if file else Secret(getpass.getpass("Password: "))


def _pin(options: dict[str, Any]) -> Secret:
    file = options["pin_file"] or _setting("TREASURY_PIN_FILE")
    return Secret.from_file(file) if file else Secret(getpass.getpass("PIN: "))


def _new_password(options: dict[str, Any]) -> Secret:
    file = options["password_file"] or _setting("TREASURY_PASSWORD_FILE")
    if file:
        return Secret.from_file(file)
    password = Secret(getpass.getpass("New password: "))
    if not password.same_as(Secret(getpass.getpass("Once more: "))):
        raise KeyFileError("PASSWORDS_DIFFER", "The two passwords differ; nothing was written.")
    return password


def _setting(name: str) -> Path | None:
    value: str = getattr(settings, name)
    return Path(value) if value else None
