"""`python -m lucid_payments.embedded start|reset`: what `make demo` and `make demo-reset` run."""

import sys

if not (3, 11) <= sys.version_info[:2] < (3, 14):
    sys.exit("Lucid Payments needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0])

import os
from pathlib import Path

from lucid_payments.embedded import leftovers
from lucid_payments.embedded.demo import REPOSITORY, Demo
from lucid_payments.embedded.home import held, open_home, wipe
from lucid_payments.embedded.output import Output
from lucid_payments.embedded.refusal import CannotStart, one_clear_line
from lucid_payments.embedded.sockets import remove_socket_folder, socket_folder
from lucid_payments.embedded.supervisor import StopRequested, Supervisor

DEFAULT_PORT = 8080
DEFAULT_BLOCK_SECONDS = 3
DEFAULT_HISTORY_DAYS = 30


def start(folder: Path) -> None:
    """Run the demo until Ctrl-C or SIGTERM. Raises CannotStart with one line."""
    port = _number("DEMO_PORT", DEFAULT_PORT, 1024, 65_000)
    block_seconds = _number("DEVNET_BLOCK_SECONDS", DEFAULT_BLOCK_SECONDS, 1, 3600)
    history_days = _number("DEMO_HISTORY_DAYS", DEFAULT_HISTORY_DAYS, 0, DEFAULT_HISTORY_DAYS)
    with held(open_home(folder)), one_clear_line(folder):
        for name in leftovers.end_leftovers(folder):
            print(f"ended {name}, left over from a demo that was killed")  # noqa: T201
        sockets = socket_folder(folder)
        supervisor = Supervisor(folder, Output(folder))
        supervisor.answer_signals()
        os.umask(0o077)
        try:
            Demo(folder, sockets, port, block_seconds, os.environ, history_days).run(supervisor)
        except StopRequested:
            pass
        finally:
            supervisor.stop()
            remove_socket_folder(folder, sockets)


def reset(folder: Path) -> None:
    """Wipe the demo's folder, ending first what a killed demo left in it. Raises CannotStart."""
    if not folder.exists():
        return
    # A folder that isn't a demo's must not even get a lock file.
    if not (folder / ".lucid-demo").is_file():
        wipe(folder)
    with held(folder):
        leftovers.end_leftovers(folder)
        remove_socket_folder(folder, socket_folder(folder))
        wipe(folder)


def _number(name: str, default: int, lowest: int, highest: int) -> int:
    raw = os.environ.get(name) or str(default)
    if not (raw.isascii() and raw.isdigit() and lowest <= int(raw) <= highest):
        raise CannotStart(f"{name} must be a whole number from {lowest} to {highest}, not {raw[:40]!r}.")
    return int(raw)


def main() -> int:
    acts = {"start": start, "reset": reset}
    if len(sys.argv) != 2 or sys.argv[1] not in acts:
        print("usage: python -m lucid_payments.embedded start|reset", file=sys.stderr)  # noqa: T201
        return 2
    folder = Path(os.environ.get("DEMO_DIR") or REPOSITORY / "var").absolute()
    try:
        acts[sys.argv[1]](folder)
    except CannotStart as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
