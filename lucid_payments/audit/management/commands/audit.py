"""`manage.py audit verify` proves the audit log; `manage.py audit seal` chains what waits."""

from __future__ import annotations

import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lucid_payments.audit import heads, sealer
from lucid_payments.audit.verification import Report, verify


class Command(BaseCommand):
    help = "Verify the audit log's hash chain, or seal the entries that wait."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        verify_parser = commands.add_parser("verify", help="exit with 1 when anything was changed")
        verify_parser.add_argument("--head", help="a POSITION:HASH kept elsewhere that must be in the chain")
        commands.add_parser("seal", help="chain every entry that is ready")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["command"] == "seal":
            self.stdout.write(f"{sealer.seal()} sealed")
            return
        report = verify(_anchor(options["head"]))
        self._print(report)
        if report.damage:
            raise CommandError(f"The audit log is damaged in {len(report.damage)} places.", returncode=1)

    def _print(self, report: Report) -> None:
        self.stdout.write(f"sealed: {report.sealed}, head {report.sealed}:{report.head}")
        signed = "their signatures too" if heads.has_key() else "not their signatures: no AUDIT_SEAL_KEY_FILE"
        self.stdout.write(f"signed heads checked: {report.heads_checked} ({signed})")
        oldest = (
            f", the oldest of {report.oldest_unsealed:%Y-%m-%d %H:%M:%S} UTC"
            if report.oldest_unsealed
            else ""
        )
        self.stdout.write(f"not yet sealed: {report.unsealed}{oldest}")
        for sentence in report.damage:
            self.stdout.write(self.style.ERROR(sentence))


def _anchor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{64}", text, re.ASCII):
        raise CommandError("--head takes POSITION:HASH, as verify prints it.")
    position, _, digest = text.partition(":")
    return int(position), digest
