"""`manage.py attestation request|sign|import|key`: what the authority is asked, what it signs, and what is taken in.

`key` and `sign` are the authority's, offline: `manage.py` runs them before any setting is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc.attestation import deployment, importing, offline, requesting, signing
from kyc.attestation.acts import ROLES
from kyc.attestation.claims import Limits
from kyc.attestation.requesting import Terms
from lucid_payments import clock
from lucid_payments.backoffice import acts, prompt
from lucid_payments.money import parse_usdt

ACTOR: Final = "manage.py attestation"


class Command(BaseCommand):
    help = "Ask the compliance authority for attestations, and take in what it has signed."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        request = actions.add_parser("request", help="write the request for what awaits an attestation")
        request.add_argument("--out", type=Path, required=True, help="the request file, written new")
        request.add_argument("--expiring", type=int, default=0, help="also what ends within so many days")
        request.add_argument("--days", type=int, help="for how long (default: ATTESTATION_DAYS)")
        for name in ("per-payout", "daily", "monthly"):
            request.add_argument(f"--{name}", help="USDT (default: the setting's)")
        taking = actions.add_parser("import", help="check and store what the authority has signed")
        taking.add_argument("file", type=Path, help="the signed file")
        taking.add_argument("--actor", required=True, help="user name of who takes it in")
        offline.add_arguments(actions)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["action"]:
                case "request":
                    self._request(options)
                case "import":
                    self._import(options)
                case _:
                    raise CommandError("This one runs offline, as `python manage.py attestation key|sign`.")
        except (signing.BadFile, OSError) as error:
            raise CommandError(str(error)) from None

    def _request(self, options: dict[str, Any]) -> None:
        now, terms = clock.now(), _terms(options)
        nodes = list(requesting.awaiting(now))
        if options["expiring"]:
            nodes += requesting.expiring(now, options["expiring"])
        asked = requesting.ask_for(nodes, now, terms)
        for node_id in asked.without_wallet:
            self.stderr.write(f"{node_id} is left out: it has no proven wallet.")
        if not asked.claims:
            raise CommandError("Nothing awaits an attestation.")
        with options["out"].open("x", encoding="utf-8") as file:
            file.write(signing.write_request(deployment.audience(), asked.claims, now))
        requesting.note(asked, actor=ACTOR)
        self.stdout.write(f"{len(asked.claims)} node(s) in {options['out']}. Carry it to the authority.")

    def _import(self, options: dict[str, Any]) -> None:
        actor = prompt.person(options["actor"], "--actor")
        if not (verdict := acts.may_act(actor, ROLES)):
            raise CommandError(f"--actor: {verdict.reason}")
        prompt.prove(actor)
        refused = 0
        for told in importing.take_file(options["file"].read_text("utf-8"), actor=actor):
            who = f"{told.node_id} number {told.seq}" if told.node_id else "one that can't be believed"
            refused += bool(told.why_not)
            self.stdout.write(f"{who}: {told.why_not or 'taken'}")
        if refused:
            raise CommandError(f"{refused} weren't taken.")


def _terms(options: dict[str, Any]) -> Terms:
    usual = Terms.usual()
    try:
        limits = Limits(
            *(
                parse_usdt(text) if (text := options[name]) is not None else getattr(usual.limits, name)
                for name in ("per_payout", "daily", "monthly")
            )
        )
    except ValueError as error:
        raise CommandError(str(error)) from None
    return Terms(limits, options["days"] or usual.days)
