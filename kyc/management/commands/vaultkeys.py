"""`manage.py vaultkeys`: the keys under which personal data is stored: create, list, add, rotate, rewrap, drop."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Count

from kyc import keyring
from kyc.keyring import KekState, KeyRingError, Ring
from kyc.models import Subject
from kyc.vault.errors import VaultError
from kyc.vault.subjects import rewrap_some
from lucid_payments.audit import log

ACTOR = "manage.py vaultkeys"
WORDS = {
    KekState.CURRENT: "wraps",
    KekState.NEXT: "wraps after the next rotation",
    KekState.RETIRING: "unwraps only",
}


class Command(BaseCommand):
    help = (
        "The keys under which personal data is stored. To change them: `add`, give the file to every machine, "
        "`rotate`; once `list` shows nobody under the old key, `drop` it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("create", help="make the ring of a new installation; keeps one that is there")
        acts.add_parser("list", help="what each key does, since when, and for how many subjects")
        acts.add_parser("add", help="make the next key; it does nothing yet")
        rotate = acts.add_parser("rotate", help="let the next key wrap, and rewrap every subject's data key")
        rewrap = acts.add_parser("rewrap", help="go on with a rotation that was cut off")
        for parser_ in (rotate, rewrap):
            parser_.add_argument("--batch", type=int, default=500, help="subjects per transaction")
        drop = acts.add_parser("drop", help="take out a key that wraps nobody's data key any more")
        drop.add_argument("kek")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.KYC_KEYS_FILE:
            raise CommandError("KYC_KEYS_FILE is not set: it names the file with the keys.")
        file = Path(settings.KYC_KEYS_FILE)
        try:
            match options["act"]:
                case "create":
                    keyring.create(file)
                case "list":
                    pass
                case "add":
                    _change(file, "added", Ring.added)
                case "rotate":
                    _change(file, "rotated", Ring.rotated)
                    self._rewrap(options["batch"])
                case "rewrap":
                    self._rewrap(options["batch"])
                case _:
                    _change(file, "dropped", lambda keys: _without(keys, options["kek"]))
            self._list(keyring.load(file), in_database=options["act"] != "create")
        except (KeyRingError, VaultError) as error:
            raise CommandError(str(error)) from error

    def _rewrap(self, batch: int) -> None:
        if batch < 1:
            raise CommandError("--batch must be 1 or more.")
        done = 0
        while count := rewrap_some(batch):
            done += count
            self.stdout.write(f"rewrapped {done}")

    def _list(self, keys: Ring, *, in_database: bool) -> None:
        counts = _subjects_by_key() if in_database else {}
        for kek in keys.keys:
            since = datetime.fromtimestamp(kek.since, UTC)
            wrapped = f", {counts.get(kek.kek_id, 0)} subjects" if in_database else ""
            self.stdout.write(f"{kek.kek_id}  {WORDS[kek.state]}, since {since:%Y-%m-%d %H:%M} UTC{wrapped}")


@transaction.atomic
def _change(file: Path, word: str, change: Callable[[Ring], Ring]) -> None:
    """The audit entry comes first: without the database no key changes."""
    with keyring.changing(file):
        before = keyring.load(file)
        after = change(before)
        log.record(f"vault_keys.{word}", actor=ACTOR, details={"current": after.current.kek_id})
        keyring.write(file, after)


def _without(keys: Ring, kek_id: str) -> Ring:
    if _subjects_by_key().get(kek_id):
        raise KeyRingError("Subjects' data keys are still wrapped by this key: `vaultkeys rewrap` first.")
    return keys.dropped(kek_id)


def _subjects_by_key() -> dict[str, int]:
    rows = Subject.objects.filter(destroyed_at=None).values_list("kek_id").annotate(Count("pk")).order_by()
    return dict(rows)
