"""`manage.py tokenkeys`: the keys that sign API tokens: create, list, add, rotate, drop."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from lucid_payments.accounts import keyring
from lucid_payments.accounts.keyring import KeyRing, KeyRingError, KeyState
from lucid_payments.audit import log

WORDS = {
    KeyState.SIGNING: "signs",
    KeyState.NEXT: "is published, signs next",
    KeyState.RETIRING: "verifies only",
}


class Command(BaseCommand):
    help = (
        "The keys that sign API tokens. To change them: `add`, at least 15 minutes later `rotate`. When the "
        "signing key is in wrong hands: `add`, `rotate --at-once`, `drop` of the old one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("create", help="make the ring of a new installation; keeps one that is there")
        acts.add_parser("list", help="what each key does, and since when")
        acts.add_parser("add", help="make the next key and publish it")
        rotate = acts.add_parser("rotate", help="let the next key sign; the old one verifies for another day")
        rotate.add_argument(
            "--at-once", action="store_true", help="though verifiers may not know the key yet"
        )
        drop = acts.add_parser("drop", help="take a key out: what it signed is void at once")
        drop.add_argument("kid")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.JWT_KEYS_DIR)
        try:
            match options["act"]:
                case "create":
                    ring = keyring.create(folder)
                case "list":
                    ring = keyring.load(folder)
                case "add":
                    ring = _changed(folder, "added", KeyRing.add)
                case "rotate":
                    ring = _changed(folder, "rotated", lambda ring: ring.rotate(at_once=options["at_once"]))
                case _:
                    ring = _changed(folder, "dropped", lambda ring: ring.drop(options["kid"]))
        except KeyRingError as error:
            raise CommandError(str(error)) from error
        for key in ring.keys:
            since = datetime.fromtimestamp(key.since, UTC)
            self.stdout.write(f"{key.kid}  {WORDS[key.state]}, since {since:%Y-%m-%d %H:%M} UTC")


@transaction.atomic
def _changed(folder: Path, word: str, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
    """The audit entry comes first: without the database no key changes."""
    lifetime = int(settings.REFRESH_TOKEN_LIFETIME.total_seconds())
    with keyring.changing(folder):
        before = keyring.load(folder)
        log.record(f"token_keys.{word}", actor="manage.py tokenkeys", details={"signing": before.signing.kid})
        return change(before).without_expired(lifetime)
