"""PostgreSQL's disk is full: a small one is mounted for it (which takes root), and filled to the last block."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from lucid_payments.embedded.refusal import CannotStart
from tests.faults.orders import as_owner, database, end, nobody_restarts, wait_for
from tests.faults.rig import Rig, wait_until
from tests.faults.row import Row

SPARE_BYTES = 48 * 1024 * 1024
BLOCK = b"\0" * 65536
# Each begins another segment of 16 MiB; those that are kept for later are used up first.
SWITCHES = 30


def full(rig: Rig) -> None:
    """Not a block is left, and what PostgreSQL writes next needs one: it goes down, and can't come up."""
    _give_it_a_small_disk(rig)
    _fill(_disk(rig) / "ballast")
    with suppress(CannotStart):
        for _ in range(SWITCHES):
            as_owner(rig, "SELECT pg_logical_emit_message(true, 'filler', repeat('x', 9000))")
            as_owner(rig, "SELECT pg_switch_wal()")
        raise AssertionError("the disk isn't full")
    try:
        rig.ask_aside()
    except (RuntimeError, OSError):
        return
    raise AssertionError("a payout was accepted that nobody could write down")


def given_room(rig: Rig) -> None:
    (_disk(rig) / "ballast").unlink()
    wait_until(database(rig).is_ready, "PostgreSQL doesn't come back", 300)
    rig.wait_for_servers()
    rig.forget_what_the_dead_held()


def _give_it_a_small_disk(rig: Rig) -> None:
    """Its data, on a disk of its own with little to spare; unmounted when the stack is closed."""
    data = rig.stack.folder / "postgres"
    disk = Path(tempfile.mkdtemp(prefix="lucid-disk-"))
    before = rig.stack.pids()["postgres"]
    with nobody_restarts(rig):
        end(rig, "postgres", signal.SIGINT)
        size = SPARE_BYTES + int(subprocess.check_output(["du", "-sb", str(data)]).split()[0])
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "lucid-disk", str(disk)], check=True)
        rig.at_close(lambda: _unmount(disk))
        subprocess.run(["cp", "-a", str(data), str(disk / "postgres")], check=True)
        shutil.rmtree(data)
        data.symlink_to(disk / "postgres")
        disk.chmod(0o755)
    wait_for(rig, "postgres", before)
    rig.wait_for_servers()


def _disk(rig: Rig) -> Path:
    return (rig.stack.folder / "postgres").resolve().parent


def _fill(ballast: Path) -> None:
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        size = len(BLOCK)
        while size:
            try:
                os.write(descriptor, BLOCK[:size])
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    finally:
        os.close(descriptor)


def _unmount(disk: Path) -> None:
    """Lazily: PostgreSQL is still in it, and leaves it when the stack stops."""
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
    disk.rmdir()


ROWS = [
    Row(
        name="PostgreSQL's disk is full for ten minutes",
        expected="nothing is accepted or decided meanwhile, what was committed is there; paid once",
        disturb=full,
        strikes="sent",
        lasts=600,
        relieve=given_room,
        spoils=True,
    )
]
