"""`manage.py killswitch pull|release|status`: stop all signing and broadcasting, for when the web is down."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lucid_payments.backoffice import prompt
from routers import killswitch
from routers.acts.killswitch import PULL, RELEASE
from routers.models import GLOBAL, KillSwitch

_ACTS = {"pull": PULL, "release": RELEASE}


class Command(BaseCommand):
    help = "Pull (one administrator) or release (two) a kill switch, or show them all. Codes are asked for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=(*_ACTS, "status"))
        parser.add_argument("--scope", default=GLOBAL, choices=(GLOBAL, *sorted(killswitch.EVERY_ROUTER)))
        prompt.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] in _ACTS:
            done = prompt.perform(self, _ACTS[options["act"]].kind, options["scope"], options)
            self.stdout.write(done.message)
        for row in KillSwitch.objects.all():
            state = "not pulled: payouts may be signed and sent"
            if row.pulled:
                state = f"pulled since {row.changed_at:%Y-%m-%d %H:%M} UTC by {row.actor_label}: {row.reason}"
            self.stdout.write(f"{row.scope}: {state}")
