"""`python -m deploy.backup archive|base|verify|list|restore|drill`: docs/backup.md tells when and by whom."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy.backup import base, settings, taking
from deploy.backup.age import Identity
from deploy.backup.errors import BackupError
from deploy.backup.restoring import Restore
from deploy.backup.store import Store


def run(arguments: Sequence[str]) -> int:
    """0, or 1 with one line on standard error."""
    given = _parser().parse_args(arguments)
    try:
        found: int = given.act(given)
    except BackupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return found


def _archive(given: argparse.Namespace) -> int:
    taking.archive_for_ever(settings.read(), _say)
    return 0


def _base(given: argparse.Namespace) -> int:
    taken = taking.take_base(settings.read())
    _say(f"{taken.name}: {taken.size} bytes, verified.")
    return 0


def _verify(given: argparse.Namespace) -> int:
    wrong = taking.verify(settings.read())
    for sentence in wrong:
        _say(sentence)
    _say("Damaged or incomplete." if wrong else "Every file is as it was written, and the log has no gap.")
    return 1 if wrong else 0


def _list(given: argparse.Namespace) -> int:
    for one in base.all_of(Store(given.store)):
        _say(f"{one.name}  finished {one.finished_at}  {one.size} bytes  PostgreSQL {one.major}")
    return 0


def _restore(given: argparse.Namespace) -> int:
    _restoring(given, given.data, given.root).run(_say)
    _say(
        "The signer locks itself until the chain is read, and the kill switch is pulled: docs/backup.md goes on."
    )
    return 0


def _drill(given: argparse.Namespace) -> int:
    """All of a restore, into a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="lucid-drill-", dir=given.folder) as folder:
        # The account that PostgreSQL runs as has its folder in there; each file keeps its own rights.
        Path(folder).chmod(0o711)
        _restoring(given, Path(folder) / "postgresql", Path(folder) / "root").run(_say)
    _say("The drill is over; nothing of it is left.")
    return 0


def _restoring(given: argparse.Namespace, data: Path, root: Path) -> Restore:
    return Restore(
        store=Store(given.store),
        identity=Identity.asked_for(given.identity),
        data=data,
        root=root,
        to=given.to,
        binaries=given.binaries,
        user=given.user,
        only_database=getattr(given, "only_database", False),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=__doc__)
    acts = parser.add_subparsers(required=True)
    for name, act, told in (
        ("archive", _archive, "for ever: log, journal, keys and settings off the machine, every 20 seconds"),
        ("base", _base, "one base backup, verified; the last BACKUP_KEEP stay"),
        ("verify", _verify, "read all that is stored again"),
    ):
        acts.add_parser(name, help=told).set_defaults(act=act)
    listing = acts.add_parser("list", help="the base backups in a store")
    listing.add_argument("--store", type=Path, required=True)
    listing.set_defaults(act=_list)
    restore = acts.add_parser("restore", help="database, journal, keys and settings onto this machine")
    restore.add_argument("--data", type=Path, required=True, help="the cluster's folder to be")
    restore.add_argument("--root", type=Path, default=Path("/"), help="where keys and settings go (/)")
    restore.add_argument(
        "--only-database", action="store_true", help="keep this machine's journal, keys and settings"
    )
    restore.set_defaults(act=_restore)
    drill = acts.add_parser("drill", help="a whole restore into a folder that is thrown away")
    drill.add_argument("--folder", type=Path, help="where there is room")
    drill.set_defaults(act=_drill)
    for one in (restore, drill):
        one.add_argument(
            "--store", type=Path, required=True, help="the folder that holds base/, wal/, journal/, rest/"
        )
        one.add_argument("--identity", required=True, help="file of the private key; - asks for it")
        one.add_argument("--to", type=_moment, help="2026-11-23T08:30:00Z; without it, the end")
        one.add_argument("--binaries", type=Path, help="folder of PostgreSQL's programs")
        one.add_argument("--user", default="", help="account that PostgreSQL runs as, when root restores")
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("say the zone, as in 2026-11-23T08:30:00Z")
    return moment.astimezone(UTC)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
