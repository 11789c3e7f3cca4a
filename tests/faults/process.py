"""Our own processes, their servers and their clocks."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults import second_copy
from tests.faults.node_answers import BROADCAST
from tests.faults.orders import (
    APPLICATIONS,
    around,
    as_owner,
    cut_connections,
    end,
    environment,
    forget_orders,
    left,
    nobody_restarts,
    order,
    restart,
    stop_the_machine,
    wait_for,
    wait_for_pause,
    whenever_paused,
)
from tests.faults.rig import Rig
from tests.faults.row import HOUR, Row, all_paid_once
from tests.load.stack import ROOT

PAID = "whoever starts next goes on where the database stands; paid once"
WATCHER = (
    "wallet.getblock",
    "walletsolidity.getblock",
    "reading",
    "wallet.getblockbynum",
    "walletsolidity.getblockbynum",
    "wallet.getaccount",
    "wallet.getaccountresource",
    "wallet.triggerconstantcontract",
    "holdings",
    "statement",
    "include",
    "head_scan",
    "walletsolidity.gettransactioninfobyblocknum",
    "posting",
    "succeed",
    "solid_scan",
)
SENDER = ("claim", "wallet.broadcasthex", "answers")
# What these transactions hold back when their session ends: everything, and it is done again.
IN_THE_MIDDLE = (
    "reading.before",
    "release.before",
    "compare.before",
    "journal.after",
    "sign.before",
    "claim.before",
    "include.before",
    "posting.before",
    "succeed.before",
)


def killed(
    name: str, *points: str, expected: str = PAID, lasts: int = 0, hold: bool = False, daily: bool = False
) -> Row:
    """SIGKILL, once, to whoever comes by each of these points. `hold`: no block takes anything meanwhile."""

    def disturb(rig: Rig) -> None:
        forget_orders(rig)
        if hold:
            rig.fault("hold", BROADCAST)
        order(rig, "die", *points)

    def expect(rig: Rig) -> None:
        assert not left(rig), f"nobody came by {left(rig)}"
        all_paid_once(rig)

    return Row(name=name, expected=expected, disturb=disturb, lasts=lasts, expect=expect, daily=daily)


def cut_in_the_middle(rig: Rig) -> None:
    forget_orders(rig)
    whenever_paused(rig, lambda: cut_connections(rig), *IN_THE_MIDDLE)


def all_points_and_paid(rig: Rig) -> None:
    assert not left(rig), f"nobody came by {left(rig)}"
    all_paid_once(rig)


def twice(rig: Rig) -> None:
    rig.deliver(2)


def once(rig: Rig) -> None:
    rig.deliver(1)


_second: dict[str, subprocess.Popen[bytes]] = {}


def start_second_worker(rig: Rig) -> None:
    """Beside the stack's own, on the same queues; every nudge comes twice."""
    twice(rig)
    command = [sys.executable, "-m", "celery", "-q", "-A", "lucid_payments.celery:app", "worker"]
    command += ["-Q", "release,send,watch,default", "--concurrency=2", "-n", "second@%h"]
    ready = rig.stack.folder / "ready" / "second"
    ready.unlink(missing_ok=True)
    given = {**environment(rig, "worker"), "READY_FILE": str(ready)}
    _second["worker"] = subprocess.Popen(
        command, cwd=ROOT, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not ready.exists():
        assert _second["worker"].poll() is None, "the second worker ended"
        time.sleep(0.1)


def stop_second_worker(rig: Rig) -> None:
    once(rig)
    _second["worker"].terminate()
    _second.pop("worker").wait(30)


def postgres_killed(rig: Rig) -> None:
    restart(rig, "postgres")
    rig.wait_for_servers()


def postgres_restarted(rig: Rig) -> None:
    restart(rig, "postgres", signal.SIGINT)
    rig.wait_for_servers()


def broker_away(rig: Rig) -> None:
    """Killed, with every message in it that wasn't on disk yet."""
    before = rig.stack.pids()["valkey"]
    with nobody_restarts(rig):
        end(rig, "valkey")
    wait_for(rig, "valkey", before)
    rig.wait_for_servers()


def applications_restarted(rig: Rig) -> None:
    """As a deploy does it: SIGTERM to everything of ours, and the new version starts."""
    before = rig.stack.pids()
    for name in APPLICATIONS:
        end(rig, name, signal.SIGTERM)
    for name in APPLICATIONS:
        wait_for(rig, name, before[name])
    rig.forget_what_the_dead_held()


def restarted_in_turn(rig: Rig) -> None:
    """A rolling restart: one process after the other ends by SIGTERM, and payouts are asked for in between."""
    for name in APPLICATIONS:
        before = rig.stack.pids()[name]
        end(rig, name, signal.SIGTERM)
        wait_for(rig, name, before)
        rig.forget_what_the_dead_held()
        rig.ask(2)
        rig.turn()


def lock_the_signer(rig: Rig) -> None:
    """As after a restore: for two hours of solid chain time."""
    until = rig.devnet.now_ms() + 2 * HOUR * 1000
    as_owner(
        rig,
        f"UPDATE payouts_signerstate SET locked_reason = 'two hours of caution', locked_until_ms = {until}",
    )


def nothing_is_signed_for_two_hours(rig: Rig) -> None:
    for _ in range(11):
        rig.step(seconds=600)
        rig.turn()
        assert rig.attempts()["prepared"] + rig.attempts()["withdrawn"] == len(rig.txids()), rig.explain()
    rig.step(seconds=700)


def _with_the_journal(rig: Rig, change: str) -> None:
    """The signer is killed, and before it starts again its journal is `cut` in its last line, or `lost`."""
    before = rig.stack.pids()["signer"]
    journal = rig.stack.folder / "journal" / "signer.journal"
    with nobody_restarts(rig):
        end(rig, "signer")
        if change == "lost":
            journal.unlink()
        else:
            whole = journal.read_bytes()
            journal.write_bytes(whole[:-30])
    wait_for(rig, "signer", before)
    rig.forget_what_the_dead_held()


def journal_cut_before_the_commit(rig: Rig) -> None:
    """The machine stops while the line is written: no signature left, and the database knows of none."""
    forget_orders(rig)
    order(rig, "pause", "journal.after")
    rig.ask()
    wait_for_pause(rig, "journal.after")
    _with_the_journal(rig, "cut")
    forget_orders(rig)


def keep_all_unreleased(rig: Rig) -> None:
    """The release loop stands still, so that the backup knows ten payouts and not one attempt."""
    forget_orders(rig)
    order(rig, "pause", "preflight.before")


def restored_to_before(rig: Rig) -> None:
    """A backup, then the ten are signed and sent and seen in a block, then the backup takes the database's place."""
    wait_for_pause(rig, "preflight.before")
    data = rig.stack.folder / "postgres"
    backup = rig.stack.folder / "backup"
    before = rig.stack.pids()["postgres"]
    with nobody_restarts(rig):
        end(rig, "postgres", signal.SIGINT)
        _copy(data, backup)
    wait_for(rig, "postgres", before)
    forget_orders(rig)
    rig.wait_for_servers()
    rig.until("included", turns=20)
    before = rig.stack.pids()["postgres"]
    with nobody_restarts(rig):
        end(rig, "postgres", signal.SIGINT)
        shutil.rmtree(data)
        _copy(backup, data)
    wait_for(rig, "postgres", before)
    rig.wait_for_servers()
    assert not rig.attempts(), "the backup knows of no attempt"


def _copy(source: Path, target: Path) -> None:
    # PostgreSQL refuses a folder of another owner; `cp -a` keeps him.
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def kill_everything_at_once(rig: Rig) -> None:
    """A power cut: every process, the servers too."""
    before = rig.stack.pids()
    names = (*APPLICATIONS, "valkey", "postgres")
    with nobody_restarts(rig):
        for name in names:
            end(rig, name)
    for name in reversed(names):
        wait_for(rig, name, before[name])
    rig.wait_for_servers()
    rig.forget_what_the_dead_held()


ROWS = [
    killed(
        "the worker is killed around every commit and call of a release",
        *around("wallet.getchainparameters", "preflight", "release"),
        lasts=120,
    ),
    killed(
        "the worker is killed around every commit and call of a broadcast",
        *around(*SENDER),
        lasts=150,
        hold=True,
        expected="what was claimed goes out again after its pause; paid once",
        daily=True,
    ),
    killed("the worker is killed around every commit and call of the watcher", *around(*WATCHER)),
    killed("the signer is killed around its journal's fsync", *around("journal"), lasts=60),
    killed("the signer is killed around the commit of its signatures", *around("sign"), lasts=60),
    killed(
        "the signer is killed around its sign of life and its look at the journal",
        *around("heartbeat", "compare"),
        lasts=60,
    ),
    Row(
        name="beat is killed",
        expected="nudges go on by themselves, and the sweep comes back with it; paid once",
        disturb=lambda rig: restart(rig, "beat"),
        strikes="sent",
    ),
    Row(
        name="everything is killed at once, servers too",
        expected=PAID,
        disturb=kill_everything_at_once,
        strikes="sent",
    ),
    Row(
        name="two workers, and every nudge comes to both",
        expected="each row is taken by one of them; paid once",
        disturb=start_second_worker,
        lasts=60,
        relieve=stop_second_worker,
    ),
    Row(
        name="every nudge is delivered twice",
        expected="the second finds nothing to do; paid once",
        disturb=twice,
        lasts=120,
        relieve=once,
    ),
    Row(
        name="the broker is wiped",
        expected="the sweep finds what the lost nudges told of; paid once",
        disturb=lambda rig: rig.wipe_the_broker(),
        strikes="sent",
    ),
    Row(
        name="the broker is killed and comes back",
        expected="every process finds it again, the sweep finds the rest; paid once",
        disturb=broker_away,
        strikes="sent",
    ),
    Row(
        name="PostgreSQL is killed",
        expected="what was committed is there; paid once",
        disturb=postgres_killed,
        strikes="sent",
    ),
    Row(
        name="PostgreSQL is restarted",
        expected="every process connects again; paid once",
        disturb=postgres_restarted,
        strikes="included",
    ),
    Row(
        name="connections are cut in the middle of each transaction",
        expected="rolled back, and done again by the next sweep; paid once",
        disturb=cut_in_the_middle,
        lasts=60,
        expect=all_points_and_paid,
    ),
    Row(
        name="the whole machine stands still for 10 minutes",
        expected="what expired meanwhile is proven dead and paid by the next attempt",
        disturb=lambda rig: stop_the_machine(rig, 600),
        strikes="sent",
    ),
    Row(
        name="the whole machine stands still for 2 days",
        expected="judged by what final blocks say; paid once",
        disturb=lambda rig: stop_the_machine(rig, 2 * 24 * HOUR),
        strikes="included",
    ),
    Row(
        name="the signer is locked for two hours",
        expected="nothing is signed; unlocked by the chain's time, then paid once",
        disturb=lock_the_signer,
        relieve=nothing_is_signed_for_two_hours,
    ),
    Row(
        name="the journal is cut in the middle of a line that was never committed",
        expected="no signature left; signed as if for the first time",
        disturb=journal_cut_before_the_commit,
    ),
    Row(
        name="the journal's last line is cut after its commit",
        expected="the signer locks itself until all it signed has landed or expired; paid once",
        disturb=lambda rig: _with_the_journal(rig, "cut"),
        strikes="sent",
    ),
    Row(
        name="the journal is lost",
        expected="the signer locks itself until all it signed has landed or expired; paid once",
        disturb=lambda rig: _with_the_journal(rig, "lost"),
        strikes="sent",
    ),
    Row(
        name="the database is restored to before ten signatures",
        expected="the journal tells of them: they are the payouts' attempts again; paid once",
        disturb=keep_all_unreleased,
        turn_at_once=False,
        relieve=restored_to_before,
        spoils=True,
    ),
    Row(
        name="a new version is deployed with payouts in flight",
        expected=PAID,
        disturb=applications_restarted,
        strikes="sent",
    ),
    Row(
        name="each process is restarted in its turn while payouts are asked for",
        expected=PAID,
        disturb=restarted_in_turn,
        strikes="sent",
    ),
    *second_copy.ROWS,
]
