"""`manage.py killswitch pull|release|status`: stop all signing and broadcasting, for when the web is down."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from routers import killswitch
from routers.errors import ActRefused
from routers.management import prompt
from routers.models import GLOBAL, KillSwitch


class Command(BaseCommand):
    help = "Pull (one person) or release (two) a kill switch, or show them all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=("pull", "release", "status"))
        parser.add_argument("--scope", default=GLOBAL, choices=(GLOBAL, *sorted(killswitch.EVERY_ROUTER)))
        parser.add_argument("--actor", help="user name of the administrator who acts")
        parser.add_argument("--second", help="user name of the administrator who confirms a release")
        parser.add_argument("--reason", help="why; it stands in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["act"] == "pull":
                self._pull(options)
            elif options["act"] == "release":
                self._release(options)
        except ActRefused as refused:
            raise CommandError(refused.sentence) from None
        for row in KillSwitch.objects.all():
            state = "not pulled: payouts may be signed and sent"
            if row.pulled:
                state = f"pulled since {row.changed_at:%Y-%m-%d %H:%M} UTC by {row.actor_label}: {row.reason}"
            self.stdout.write(f"{row.scope}: {state}")

    def _pull(self, options: dict[str, Any]) -> None:
        reason = prompt.reason(options["reason"])
        actor = prompt.administrator(options["actor"], "--actor")
        if not killswitch.pull(actor=actor, reason=reason, scope=options["scope"]):
            raise CommandError("Nothing to pull: somebody was first.")

    def _release(self, options: dict[str, Any]) -> None:
        reason = prompt.reason(options["reason"])
        actor = prompt.administrator(options["actor"], "--actor")
        second = prompt.second_administrator(options["second"])
        for person in (actor, second):
            prompt.present(person)
        with transaction.atomic():
            ask = killswitch.ask_release(actor=actor, reason=reason, scope=options["scope"])
            killswitch.confirm_release(ask, actor=second)
