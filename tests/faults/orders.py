"""Orders to the stack's processes at points of the fault seam, and what is done to them from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lucid_payments.embedded.postgres import EmbeddedPostgres
from lucid_payments.embedded.sockets import socket_folder
from lucid_payments.seam import POINTS
from tests.faults.rig import COUNT, Rig, wait_until
from tests.load.stack import ROOT

APPLICATIONS = ("web", "worker", "signer", "beat")
LONGEST_WAIT_SECONDS = 120.0


def around(*steps: str) -> tuple[str, ...]:
    return tuple(point for step in steps for point in (f"{step}.before", f"{step}.after"))


def order(rig: Rig, what: str, *points: str) -> None:
    """`die`, `pause` or `raise` at each of these points, for whichever process comes first."""
    for point in points:
        assert point in POINTS, point
        (rig.orders / point).write_text(what)


def forget_orders(rig: Rig) -> None:
    """What nobody came by any more, and pauses that are still on."""
    for file in rig.orders.iterdir():
        file.unlink(missing_ok=True)


def left(rig: Rig) -> list[str]:
    """Orders that nobody has carried out."""
    return sorted(file.name for file in rig.orders.iterdir() if file.name in POINTS)


def paused_at(rig: Rig, point: str) -> Path | None:
    """The process that stands at `point`, as the file whose removal lets it go on."""
    return next(rig.orders.glob(f"{point}.[0-9]*"), None)


def wait_for_pause(rig: Rig, point: str) -> Path:
    wait_until(
        lambda: paused_at(rig, point), f"nobody came by {point}: {rig.explain()}", LONGEST_WAIT_SECONDS
    )
    found = paused_at(rig, point)
    assert found is not None
    return found


@contextmanager
def nobody_restarts(rig: Rig) -> Iterator[None]:
    """The supervisor sleeps: what ends stays ended until then."""
    supervisor = rig.stack.pids()["supervisor"]
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


def end(rig: Rig, name: str, how: signal.Signals = signal.SIGKILL) -> None:
    """End a process with all that it started, and wait until it has; somebody restarts it, or not."""
    pid = rig.stack.pids()[name]
    family = descendants(pid)
    if how == signal.SIGKILL:
        for member in family:
            _signal(member, signal.SIGKILL)
    else:
        _signal(pid, how)
    wait_until(lambda: not any(_lives(member) for member in family), f"{name} doesn't end")


def wait_for(rig: Rig, name: str, other_than: int) -> None:
    """Until `name` runs again as another process than `other_than`, and is ready."""
    wait_until(
        lambda: rig.stack.pids().get(name) not in (None, other_than), f"{name} isn't started again", 180
    )
    ready = rig.stack.folder / "ready" / name
    if name in ("worker", "signer", "beat"):
        wait_until(ready.exists, f"{name} isn't ready again", 180)
    if name == "postgres":
        wait_until(database(rig).is_ready, "PostgreSQL isn't ready again", 60)
    if name == "web":
        wait_until(lambda: _answers(rig), "the web isn't ready again", 180)


def restart(rig: Rig, name: str, how: signal.Signals = signal.SIGKILL) -> None:
    """End it, and wait until its supervisor has it back."""
    before = rig.stack.pids()[name]
    end(rig, name, how)
    wait_for(rig, name, before)
    rig.forget_what_the_dead_held()


def descendants(pid: int) -> list[int]:
    """The process and all that it started, however far."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(found for child in children for found in descendants(int(child)))]


def stop_the_machine(rig: Rig, seconds: int) -> None:
    """Every process of ours stands still for so much chain time; the network goes on."""
    pids = rig.stack.pids()
    chain = set(descendants(pids["devnet"]))
    ours = [pid for pid in descendants(pids["supervisor"]) if pid not in chain]
    with standing_still(ours):
        rig.step(seconds=seconds)


@contextmanager
def standing_still(pids: list[int]) -> Iterator[None]:
    """These processes get no time."""
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            _signal(pid, signal.SIGCONT)


def database(rig: Rig) -> EmbeddedPostgres:
    return EmbeddedPostgres(rig.stack.folder, socket_folder(rig.stack.folder))


def as_owner(rig: Rig, statement: str) -> str:
    return database(rig).query(statement, database="lucid")


def cut_connections(rig: Rig) -> None:
    """Every session of the application ends in the middle of whatever it does."""
    as_owner(rig, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'lucid_app'")


def whenever_paused(rig: Rig, act: Callable[[], object], *points: str) -> None:
    """Whoever comes by one of these points waits there until `act` is done, in a thread of the test's own."""
    order(rig, "pause", *points)

    def attend() -> None:
        waiting, deadline = set(points), time.monotonic() + 600
        while waiting and time.monotonic() < deadline and rig.orders.is_dir():
            # Not before all ten are asked for: whoever asks would have to ask again.
            for point in sorted(waiting) if rig.count >= COUNT else ():
                if (file := paused_at(rig, point)) is not None:
                    act()
                    file.unlink(missing_ok=True)
                    waiting.discard(point)
            time.sleep(0.02)

    threading.Thread(target=attend, daemon=True).start()


def manage(rig: Rig, code: str) -> str:
    """Run this in a process of its own, with the web's settings; what it prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT,
        env=environment(rig, "web"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def environment(rig: Rig, name: str) -> dict[str, str]:
    """What a running process was given; without the orders, which aren't for whoever borrows it."""
    raw = Path(f"/proc/{rig.stack.pids()[name]}/environ").read_bytes().decode()
    given = dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)
    return {key: value for key, value in given.items() if key not in ("FAULT_POINTS_FOLDER", "READY_FILE")}


def _signal(pid: int, which: signal.Signals) -> None:
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        return


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False


def _answers(rig: Rig) -> bool:
    from lucid_payments.embedded.demo import READY_PATH, answers

    return answers(int(rig.stack.facts["base_url"].split(":")[2].split("/")[0]), READY_PATH)
