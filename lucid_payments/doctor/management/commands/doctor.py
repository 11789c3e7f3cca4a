"""`manage.py doctor`: whether this deployment is as it should be, as far as this process can see."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from lucid_payments.doctor import telling
from lucid_payments.doctor.examination import Found, Verdict, examine

# Checks register themselves; they are asked and told in this order.
from lucid_payments.doctor import setup, machine, data, key_files, doors, chain, work, people, backups  # noqa: F401  # isort: skip


class Command(BaseCommand):
    help = (
        "Look at this deployment and say what is right, what is wrong and what to do. Changes nothing; ends with 1 "
        "when something is wrong. Each process sees what it may: under systemd `lucid doctor` asks all of them."
    )
    # They are among what it tells.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--before", action="store_true", help="leave out what can be right only once it runs"
        )
        parser.add_argument(
            "--rest", action="store_true", help="leave out what every process of a machine sees alike"
        )
        parser.add_argument("--json", action="store_true", help="for a program")

    def handle(self, *args: Any, **options: Any) -> None:
        about = {
            "service": settings.SERVICE_NAME,
            "version": settings.VERSION,
            "deployment": settings.DEPLOYMENT or "without a name",
            "environment": settings.LUCID_ENV,
            "network": settings.TRON_NETWORK,
            "user": _user(),
        }
        now = datetime.now(UTC)
        if options["json"]:
            found = list(examine(before=options["before"], rest=options["rest"]))
            self.stdout.write(telling.as_json(found, about, now))
        else:
            found = self._tell(about, now, before=options["before"], rest=options["rest"])
        if any(one.is_wrong for one in found):
            sys.exit(1)

    def _tell(self, about: dict[str, str], now: datetime, *, before: bool, rest: bool) -> list[Found]:
        """What is found is told at once: some checks wait for an answer."""
        width = min(shutil.get_terminal_size((100, 24)).columns, 110)
        colours: dict[Verdict, telling.Colour] = {
            Verdict.RIGHT: self.style.SUCCESS,
            Verdict.LOOK: self.style.WARNING,
            Verdict.WRONG: self.style.ERROR,
        }
        self.stdout.write(
            f"Lucid Payments {about['version']}, {about['deployment']}: {about['environment']} on {about['network']}, "
            f"seen as {about['user']}, {now:%Y-%m-%d %H:%M} UTC"
        )
        told: list[Found] = []
        subject = ""
        for found in examine(before=before, rest=rest):
            if found.asked and found.check.subject != subject:
                subject = found.check.subject
                self.stdout.write(f"\n{self.style.MIGRATE_HEADING(subject)}")
            for finding in found.findings:
                self.stdout.write("\n".join(telling.lines(finding, colours, width)))
            self.stdout.flush()
            told.append(found)
        self.stdout.write(f"\n{telling.summary(told)}\n")
        return told


def _user() -> str:
    """Of an image without a user list, the number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
