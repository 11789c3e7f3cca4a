"""`manage.py breaker open|close|half-open|status`: the error breakers, for when the web is down."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from routers import breakers
from routers.choices import RouterType
from routers.errors import ActRefused
from routers.management import prompt


class Command(BaseCommand):
    help = "Open (one person), close or half-open (two) a router's error breaker, or show them all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=("open", "close", "half-open", "status"))
        parser.add_argument("router", nargs="?", choices=RouterType.values)
        parser.add_argument("--actor", help="user name of the administrator who acts")
        parser.add_argument("--second", help="user name of the administrator who confirms")
        parser.add_argument("--reason", help="why; it stands in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] != "status":
            if options["router"] is None:
                raise CommandError(f"Name the router: {' or '.join(RouterType.values)}.")
            try:
                self._act(options)
            except ActRefused as refused:
                raise CommandError(refused.sentence) from None
        for router, row in breakers.all_breakers().items():
            line = f"{router}: {row.state}"
            if row.detail:
                line += f" since {row.changed_at:%Y-%m-%d %H:%M} UTC: {row.detail}"
            if row.cool_down_until is not None and row.state == "open":
                line += f" Cools down until {row.cool_down_until:%H:%M}."
            self.stdout.write(line)

    def _act(self, options: dict[str, Any]) -> None:
        reason = prompt.reason(options["reason"])
        actor = prompt.administrator(options["actor"], "--actor")
        if options["act"] == "open":
            if not breakers.open_by_hand(options["router"], actor=actor, reason=reason):
                raise CommandError("Nothing to open: somebody was first.")
            return
        second = prompt.second_administrator(options["second"])
        for person in (actor, second):
            prompt.present(person)
        ask, confirm = {
            "close": (breakers.ask_close, breakers.confirm_close),
            "half-open": (breakers.ask_half_open, breakers.confirm_half_open),
        }[options["act"]]
        with transaction.atomic():
            confirm(ask(options["router"], actor=actor, reason=reason), actor=second)
