"""`manage.py killswitch pull|release|status`: stop all signing and broadcasting, for when the web is down."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from routers import killswitch
from routers.models import KillSwitch


class Command(BaseCommand):
    help = "Pull or release the kill switch, or show it. While it is pulled nothing is signed and nothing is sent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=("pull", "release", "status"))
        parser.add_argument("--actor", help="user name of the administrator who acts")
        parser.add_argument("--reason", help="why; it stands in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] != "status":
            self._turn(options)
        row = KillSwitch.objects.get(pk=1)
        if row.pulled:
            self.stdout.write(
                f"pulled since {row.changed_at:%Y-%m-%d %H:%M} UTC by {row.actor_label}: {row.reason}"
            )
        else:
            self.stdout.write("not pulled: payouts may be signed and sent")

    def _turn(self, options: dict[str, Any]) -> None:
        reason = (options["reason"] or "").strip()
        if not reason:
            raise CommandError("--reason: say why; it stands in the audit log.")
        actor = User.objects.filter(username=options["actor"], role=Role.ADMIN, is_active=True).first()
        if actor is None:
            raise CommandError("--actor: name an active administrator's account.")
        act = killswitch.pull if options["act"] == "pull" else killswitch.release
        if not act(actor=actor, reason=reason):
            raise CommandError(f"Nothing to {options['act']}: somebody was first.")
