"""`manage.py devnet`: the TRON test node."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payouts.devnet.server import add_arguments, options_from, serve
from payouts.devnet.snapshot import SnapshotUnreadable


class Command(BaseCommand):
    help = "Run a TRON test network: java-tron's HTTP API, USDT, a clock that can be stepped, and faults."
    # It needs neither the database nor the settings that the checks look at.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IS_LIVE:
            raise CommandError("The devnet doesn't run under the settings of staging or production.")
        try:
            serve(options_from(options))
        except (OSError, SnapshotUnreadable) as error:
            raise CommandError(str(error)) from error
