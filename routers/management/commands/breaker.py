"""`manage.py breaker open|close|half-open|status`: the error breakers, for when the web is down."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lucid_payments.backoffice import prompt
from routers import breakers
from routers.acts.breakers import CLOSE, HALF_OPEN, OPEN
from routers.choices import RouterType

_ACTS = {"open": OPEN, "close": CLOSE, "half-open": HALF_OPEN}


class Command(BaseCommand):
    help = (
        "Open (one administrator), close or half-open (two) a router's error breaker, or show them all. "
        "Codes are asked for."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=(*_ACTS, "status"))
        parser.add_argument("router", nargs="?", choices=RouterType.values)
        prompt.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] in _ACTS:
            if options["router"] is None:
                raise CommandError(f"Name the router: {' or '.join(RouterType.values)}.")
            done = prompt.perform(self, _ACTS[options["act"]].kind, options["router"], options)
            self.stdout.write(done.message)
        for router, row in breakers.all_breakers().items():
            line = f"{router}: {row.state}"
            if row.detail:
                line += f" since {row.changed_at:%Y-%m-%d %H:%M} UTC: {row.detail}"
            if row.cool_down_until is not None and row.state == "open":
                line += f" Cools down until {row.cool_down_until:%H:%M}."
            self.stdout.write(line)
