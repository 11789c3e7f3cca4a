"""`manage.py gateway`: HAProxy's folder, from the settings and from the keys of everybody whose tokens are believed."""

from __future__ import annotations

import grp
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from lucid_payments.gateway import configuration, folder, issuers

DEFAULT: Final = Path("/etc/lucid/gateway")


class Command(BaseCommand):
    help = (
        "The gateway's configuration: `write` it after each change of the settings, of the token keys or of an outside "
        "issuer's key set, and reload HAProxy where it says that something changed; `check` whether that is due."
    )
    # The gateway may stand on a machine from which the database can't be seen.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        write = acts.add_parser("write", help="write the folder that HAProxy reads")
        check = acts.add_parser("check", help="fail where the folder isn't what `write` would make it")
        for act in (write, check):
            act.add_argument("--to", type=Path, default=DEFAULT, help="the folder (%(default)s)")
        write.add_argument(
            "--group", help="the group that HAProxy runs as, which then reads the files (0640)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = options["to"].absolute()
        try:
            believed, problems = issuers.believed()
            files = folder.wanted(configuration.configured(), believed, place)
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        for problem in problems:
            self.stderr.write(problem)
        for issuer in believed:
            self.stdout.write(f"{issuer.name}: {len(issuer.keys)} keys of {issuer.iss}")
        if options["act"] == "write":
            self._write(files, place, options["group"])
        else:
            self._check(files, place)

    def _write(self, files: dict[Path, str], place: Path, group: str | None) -> None:
        try:
            changed = folder.write(files, place, group=grp.getgrnam(group).gr_gid if group else None)
        except folder.Refused as refused:
            raise CommandError(
                f"HAProxy refuses the new configuration; the old one stays. Nothing is to be reloaded.\n{refused}"
            ) from refused
        except (OSError, KeyError) as error:
            raise CommandError(f"{place} can't be written: {error}") from error
        if changed:
            self.stdout.write(f"Changed: {', '.join(changed)}. Reload HAProxy.")
        else:
            self.stdout.write("Nothing changed: HAProxy needs no reload.")

    def _check(self, files: dict[Path, str], place: Path) -> None:
        if behind := folder.differences(files, place):
            raise CommandError(
                f"{place} is behind in {', '.join(behind)}: `manage.py gateway write`, then reload HAProxy."
            )
        refused = folder.verdict(place / folder.CONFIGURATION)
        if refused is None:
            self.stdout.write("HAProxy isn't on this machine: nobody has asked it.")
        elif refused:
            raise CommandError(f"HAProxy refuses it.\n{refused}")
        self.stdout.write(f"{place} is as it should be.")
