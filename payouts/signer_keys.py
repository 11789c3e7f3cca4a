"""`manage.py signer destination`: where a treasury key's money may be swept, fixed once in the signer's own file."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice import prompt
from payouts import chain, signer, signer_people
from payouts.signer_trust import Out
from payouts.tron import addresses
from payouts.tron.signing import JournalError

TWO = "A destination is fixed by two administrators: it can't be moved afterwards."


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--key", metavar="ADDRESS", help="the key's own address (default: TREASURY_ADDRESS)")
    parser.add_argument("--set", metavar="ADDRESS", help="the one address that its money may be swept to")
    prompt.add_arguments(parser)


def handle(out: Out, options: dict[str, Any]) -> None:
    """Show each key's destination, after one was fixed. Raises CommandError."""
    try:
        if options["set"]:
            _fix(options["key"] or settings.TREASURY_ADDRESS, options["set"], options)
        book = signer.keybook()
        destinations, retired = book.destinations(), book.retired()
    except JournalError as error:
        raise CommandError(error.sentence) from None
    for address in sorted({settings.TREASURY_ADDRESS, *destinations, *retired} - {""}):
        to = destinations.get(address)
        told = f"swept to {to} alone" if to else "has no destination: it can't be swept"
        out.write(f"{address} {told}{'; retired: it signs nothing else' if address in retired else ''}")


def _fix(key: str, destination: str, options: dict[str, Any]) -> None:
    known = signer.keybook().destinations()
    if key in known:
        raise CommandError(f"The destination of {key} is fixed: {known[key]}. It can't be moved.")
    try:
        addresses.decode(key)
        addresses.check_recipient(destination, contract=chain.network().usdt_contract, treasury=key)
    except addresses.InvalidAddress as error:
        raise CommandError(f"{error}") from None
    if destination in {settings.TREASURY_ADDRESS, *known} or key in known.values():
        raise CommandError("A destination is outside of the hot treasury: no key of the signer's own.")
    people, reason = signer_people.proven(options, TWO)
    _write(key, destination, people, reason)


@transaction.atomic
def _write(key: str, destination: str, people: list[User], reason: str) -> None:
    """The audit entry stands before the file has the destination, as with the caps."""
    names = [person.get_username() for person in people]
    log.record(
        "signer.destination_fixed",
        actor=people[-1],
        details={"key": key, "destination": destination, "by": names, "reason": reason},
    )
    signer.keybook().fix_destination(
        key, destination, by=", ".join(names), reason=reason, now_ms=clock.to_ms(clock.now())
    )
