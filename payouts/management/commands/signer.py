"""`manage.py signer caps|trust|destination`: what bounds the signer, whom it trusts, where it may sweep to.

Run on the signer's own machine.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice import prompt
from lucid_payments.events import outbox
from lucid_payments.money import format_usdt, parse_usdt, to_decimal
from payouts import signer, signer_keys, signer_people, signer_trust
from payouts.tron.signing import JournalError, SigningCaps
from payouts.tron.signing.ceiling import Ceiling


class Command(BaseCommand):
    help = (
        "The signer's own caps, trusted keys and destinations: shown; tightened by one administrator, loosened by two. "
        "Codes are asked for."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        caps = actions.add_parser("caps", help="the most USDT signed for in 60 minutes and in 24 hours")
        caps.add_argument("--hourly", help="USDT in any 60 minutes")
        caps.add_argument("--daily", help="USDT in any 24 hours")
        prompt.add_arguments(caps)
        signer_trust.add_arguments(actions.add_parser("trust", help="whose attestations the signer signs by"))
        signer_keys.add_arguments(
            actions.add_parser("destination", help="the one address that a key's money may be swept to")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SIGNER_JOURNAL_FILE:
            raise CommandError(
                "SIGNER_JOURNAL_FILE isn't set: run this on the signer's machine, as the signer."
            )
        if options["action"] == "trust":
            signer_trust.handle(self.stdout, options)
            return
        if options["action"] == "destination":
            signer_keys.handle(self.stdout, options)
            return
        ceiling = signer.ceiling()
        try:
            if options["hourly"] or options["daily"]:
                self._move(ceiling, options)
            caps, moved = ceiling.caps(), len(ceiling.changes())
        except JournalError as error:
            raise CommandError(error.sentence) from None
        self.stdout.write(f"any 60 minutes: {format_usdt(caps.hourly)} USDT")
        self.stdout.write(f"any 24 hours: {format_usdt(caps.daily)} USDT")
        self.stdout.write(f"moved {moved} times: {ceiling.path}" if moved else "as the settings say")

    def _move(self, ceiling: Ceiling, options: dict[str, Any]) -> None:
        before = ceiling.caps()
        after = SigningCaps(
            daily=_amount(options["daily"], "--daily", before.daily),
            hourly=_amount(options["hourly"], "--hourly", before.hourly),
        )
        if after == before:
            raise CommandError("Those are the caps in force.")
        if after.daily <= after.hourly:
            raise CommandError("A day's cap at or below an hour's lets one hour empty the day.")
        loosens = after.daily > before.daily or after.hourly > before.hourly
        people, reason = signer_people.proven(
            options, "A higher cap takes two administrators." if loosens else ""
        )
        _write(ceiling, before, after, people, reason)


@transaction.atomic
def _write(
    ceiling: Ceiling, before: SigningCaps, after: SigningCaps, people: list[User], reason: str
) -> None:
    """The audit entry stands before the file has the change: a change nobody can read of there is worse than one
    that didn't happen."""
    details = {
        "hourly_usdt": [str(to_decimal(before.hourly)), str(to_decimal(after.hourly))],
        "daily_usdt": [str(to_decimal(before.daily)), str(to_decimal(after.daily))],
    }
    names = [person.get_username() for person in people]
    log.record("signer.caps_moved", actor=people[-1], details={**details, "by": names, "reason": reason})
    outbox.emit("signer.caps_moved", subject_type="signer", subject_id="1", owner=None, payload=details)
    ceiling.move(after, by=", ".join(names), reason=reason, now_ms=clock.to_ms(clock.now()))


def _amount(text: str | None, option: str, otherwise: int) -> int:
    """Base units."""
    if text is None:
        return otherwise
    try:
        units = parse_usdt(text.replace(",", ""))
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from None
    if units < 1:
        raise CommandError(f"{option}: give an amount above 0.")
    return units
