"""`manage.py signer trust`: the authorities' keys that the signer goes by, kept in its own file beside the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from kyc.attestation import keys
from kyc.attestation.keys import AuthorityKeyError
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice import prompt
from payouts import signer, signer_people
from payouts.tron.signing import JournalError
from payouts.tron.signing.trust import ACTIVE, COMPROMISED, REVOKED, TrustChange

TWO = "A key is trusted by two administrators."


class Out(Protocol):
    def write(self, msg: str) -> object: ...


def add_arguments(parser: CommandParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--add", type=Path, help="public key file of an authority: trust it from now on")
    what.add_argument("--revoke", metavar="KID", help="what it signed until now goes on; nothing new counts")
    what.add_argument("--compromised", metavar="KID", help="nothing that it ever signed counts")
    prompt.add_arguments(parser)


def handle(out: Out, options: dict[str, Any]) -> None:
    """Show the keys, after one was added or ended. Raises CommandError."""
    try:
        if options["add"]:
            _add(options)
        elif options["revoke"] or options["compromised"]:
            _end(options)
        trusted = signer.trust().keys()
    except (JournalError, AuthorityKeyError, OSError) as error:
        raise CommandError(str(error)) from None
    if not trusted:
        out.write("no key is trusted: nothing is signed for the KYC router")
    for change in trusted.values():
        since = f"{clock.from_ms(change.time_ms):%Y-%m-%d %H:%M:%S} UTC"
        out.write(f"{change.kid} of {change.authority}: {change.state} since {since}, by {change.by}")


def _add(options: dict[str, Any]) -> None:
    authority, x = keys.read_public(options["add"].read_text("utf-8"))
    kid = keys.thumbprint(x)
    if signer.trust().keys().get(kid) is not None:
        raise CommandError("This key was added before, and what became of it stays.")
    people, reason = signer_people.proven(options, TWO)
    _decide(kid, authority, x, ACTIVE, people, reason)


def _end(options: dict[str, Any]) -> None:
    kid = options["revoke"] or options["compromised"]
    known = signer.trust().keys().get(kid)
    if known is None:
        raise CommandError("The signer doesn't know this key.")
    state = REVOKED if options["revoke"] else COMPROMISED
    if known.state == COMPROMISED or known.state == state:
        raise CommandError(f"The key is {known.state} already.")
    people, reason = signer_people.proven(options, "")
    _decide(kid, known.authority, known.x, state, people, reason)


@transaction.atomic
def _decide(kid: str, authority: str, x: str, state: str, people: list[User], reason: str) -> TrustChange:
    """The audit entry stands before the file has the decision, as with the caps."""
    names = [person.get_username() for person in people]
    told = {"kid": kid, "authority": authority, "state": state, "by": names, "reason": reason}
    log.record("signer.trust_changed", actor=people[-1], details=told)
    return signer.trust().decide(
        kid=kid, authority=authority, x=x, state=state, by=", ".join(names), reason=reason,
        now_ms=clock.to_ms(clock.now()),
    )  # fmt: skip
