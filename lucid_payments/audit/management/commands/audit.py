"""`manage.py audit`: prove the log, seal what waits, export a piece of it, sign and print its head."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from lucid_payments.audit import export, head_keys, heads, publication, sealer
from lucid_payments.audit.archives import checking
from lucid_payments.audit.export import ExportRefused, Span
from lucid_payments.audit.head_keys import HeadKeyError
from lucid_payments.audit.models import PublishedHead
from lucid_payments.audit.verification import Report, check_anchor, verify
from lucid_payments.private_files import replace_file

ACTOR: Final = "manage.py audit"


class Command(BaseCommand):
    help = "The audit log: verify its hash chain, seal what waits, export a piece, sign and print its head."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        verify_parser = commands.add_parser("verify", help="exit with 1 when anything was changed")
        verify_parser.add_argument("--head", help="a POSITION:HASH kept elsewhere that must be in the chain")
        verify_parser.add_argument(
            "--published",
            type=Path,
            help="a file of published heads, a statement a line, that must be in the chain",
        )
        commands.add_parser("seal", help="chain every entry that is ready")
        exporting = commands.add_parser(
            "export", help="write a span of the log, a line an entry, and its manifest"
        )
        exporting.add_argument("--from", dest="start", required=True, help="a date or time (UTC), included")
        exporting.add_argument("--to", dest="end", required=True, help="a date or time (UTC), excluded")
        exporting.add_argument("file", type=Path, help="a file that isn't there yet")
        checking = commands.add_parser("check-export", help="exit with 1 unless an exported file is intact")
        checking.add_argument("file", type=Path)
        archived = commands.add_parser("check-archive", help="exit with 1 unless an archive (zip) is intact")
        archived.add_argument("file", type=Path)
        archived.add_argument(
            "--offline",
            action="store_true",
            help="only against itself: don't ask our audit log for its manifest",
        )
        key = commands.add_parser("key", help="make the key that signs the head for publishing, once")
        key.add_argument(
            "--rotate", action="store_true", help="make another; heads of the old one still verify"
        )
        head = commands.add_parser("head", help="print the newest signed head, for publishing")
        head.add_argument("--write", type=Path, help="write every signed head to this file, a line each")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["command"]:
                case "seal":
                    self.stdout.write(f"{sealer.seal()} sealed")
                case "export":
                    self._export(options)
                case "check-export":
                    self._say_intact(options["file"], export.check(options["file"]))
                case "check-archive":
                    differences = checking.check(options["file"], offline=options["offline"])
                    self._say_intact(options["file"], differences)
                case "key":
                    self._key(anew=options["rotate"])
                case "head":
                    self._head(options["write"])
                case _:
                    self._verify(options)
        except (ExportRefused, HeadKeyError, OSError) as error:
            raise CommandError(str(error)) from error

    def _verify(self, options: dict[str, Any]) -> None:
        anchor = _anchor(options.get("head"))
        statements = _statements(options.get("published"))
        report = verify(anchor)
        trusted = publication.trusted_keys()
        for statement in statements:
            name = f"the head published for {statement['day']}"
            if not publication.is_signed(statement, trusted):
                report.damage.append(f"Forged: {name} isn't signed by a key that is trusted here.")
            check_anchor(report, statement["position"], statement["hash"], name)
        self._print(report)
        if report.damage:
            raise CommandError(f"The audit log is damaged in {len(report.damage)} places.", returncode=1)

    def _print(self, report: Report) -> None:
        self.stdout.write(f"sealed: {report.sealed}, head {report.sealed}:{report.head}")
        signed = (
            "their signatures too"
            if heads.may_check()
            else "not their signatures: no AUDIT_SEAL_KEY_FILE here"
        )
        self.stdout.write(f"signed heads checked: {report.heads_checked} ({signed})")
        signed = (
            "their signatures too"
            if publication.has_key()
            else "not their signatures: no AUDIT_HEAD_KEY_FILE"
        )
        self.stdout.write(f"published heads checked: {report.published_checked} ({signed})")
        oldest = (
            f", the oldest of {report.oldest_unsealed:%Y-%m-%d %H:%M:%S} UTC"
            if report.oldest_unsealed
            else ""
        )
        self.stdout.write(f"not yet sealed: {report.unsealed}{oldest}")
        for sentence in report.damage:
            self.stdout.write(self.style.ERROR(sentence))

    def _export(self, options: dict[str, Any]) -> None:
        span = Span(_moment("--from", options["start"]), _moment("--to", options["end"]))
        if span.start >= span.end:
            raise CommandError("--from must be before --to.")
        manifest = export.write(span, options["file"], actor=ACTOR)
        self.stdout.write(
            f"{manifest['lines']} entries, positions {manifest['first_position']} to {manifest['last_position']};"
            f" {manifest['not_yet_sealed']} not yet sealed; SHA-256 {manifest['sha256']}"
        )
        self.stdout.write(f"{options['file']} and {export.manifest_of(options['file'])}")

    def _say_intact(self, file: Path, differences: list[str]) -> None:
        for sentence in differences:
            self.stdout.write(self.style.ERROR(sentence))
        if differences:
            raise CommandError(f"{file} isn't intact.", returncode=1)
        self.stdout.write(f"{file} is intact.")

    def _key(self, *, anew: bool) -> None:
        if not publication.has_key():
            raise CommandError("AUDIT_HEAD_KEY_FILE doesn't say where the key belongs.")
        file = Path(settings.AUDIT_HEAD_KEY_FILE)
        name = head_keys.create(file, anew=anew)
        self.stdout.write(f"{file} signs as {name}; public keys: {head_keys.public_file(file)}")

    def _head(self, file: Path | None) -> None:
        newest = PublishedHead.objects.order_by("-day").first()
        if newest is None:
            raise CommandError("No head is signed yet: the worker signs one a day, with AUDIT_HEAD_KEY_FILE.")
        if file is None:
            self.stdout.write(_line(newest))
            return
        rows = PublishedHead.objects.order_by("day").iterator(chunk_size=1_000)
        replace_file(file, "".join(f"{_line(row)}\n" for row in rows))
        self.stdout.write(f"{file}: the heads up to {newest.day}")


def _line(head: PublishedHead) -> str:
    return json.dumps(head.statement(), sort_keys=True)


def _anchor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}:[0-9a-f]{64}", text, re.ASCII):
        raise CommandError("--head takes POSITION:HASH, as verify prints it.")
    position, _, digest = text.partition(":")
    return int(position), digest


def _statements(file: Path | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    found = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            statement = json.loads(line)
            whole = isinstance(statement["position"], int) and all(
                isinstance(statement[name], str)
                for name in ("day", "hash", "at", "deployment", "key", "signature")
            )
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            raise CommandError(f"{file}, line {number}, isn't a published head.")
        found.append(statement)
    return found


def _moment(option: str, text: str) -> datetime:
    """A date (its first instant) or a time; UTC where it doesn't say."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{option} takes a date or a time, like 2026-11-01 or 2026-11-01T12:00:00Z."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
