"""Whether somebody could put all of this back: by what the backup's own scripts wrote last (docs/backup.md)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from lucid_payments.doctor.examination import Finding, check, look, right, wrong
from lucid_payments.watch import backups

SUBJECT = "Backups"
# A base backup a day, and the log every minute; each with room for one that fails.
OLDEST_SECONDS: Final = {"base": 26 * 3_600, "log": 600}
WORDS: Final = {"base": "base backup", "log": "stored piece of the database's log"}


@check(SUBJECT, running=True, shared=True)
def recent() -> Iterator[Finding]:
    # Its file is named from the start, and written by the first backup.
    if not settings.BACKUP_STATE_FILE or not Path(settings.BACKUP_STATE_FILE).exists():
        yield look(
            "Nothing is known of backups: a dead disk would take the books with it.",
            "Set them up before the first real money (docs/backup.md), then BACKUP_STATE_FILE.",
        )
        return
    told = backups.read(Path(settings.BACKUP_STATE_FILE))
    for kind, age in backups.ages_of(told, time.time()).items():
        if age > OLDEST_SECONDS[kind]:
            since = f"is {round(age / 3_600)} hours old" if age != float("inf") else "isn't known"
            yield wrong(
                f"The newest {WORDS[kind]} {since}.", "journalctl -u 'lucid-backup*', and docs/backup.md."
            )
        else:
            yield right(f"The newest {WORDS[kind]} is {round(age / 60)} minutes old.")
    if damaged := told.get("damaged"):
        yield wrong(
            f"{len(damaged)} stored files aren't what they were, {damaged[0]} say.",
            "Take a new base backup at once, and look at the disk they are on.",
        )
