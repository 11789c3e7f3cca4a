"""`manage.py stats check|rebuild`: whether the sums behind `GET /stats` agree with the payouts, or count them anew.

`check` ends with status 1 where they differ. Both read every payout; neither makes anybody wait.
"""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts import tally


class Command(BaseCommand):
    help = "Compare the sums behind GET /stats with the payouts, or count them anew."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=("check", "rebuild"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "rebuild":
            tally.rebuild(actor=f"command line, {getpass.getuser()}")
        differing = tally.check()
        if differing:
            self.stdout.write(f"{differing} sums differ from the payouts: manage.py stats rebuild.")
            sys.exit(1)
        self.stdout.write("The sums agree with the payouts.")
