"""The whole deployment once more: a copy of its database, its key, a worker and a signer of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
from celery import Celery

from tests.faults.orders import (
    APPLICATIONS,
    as_owner,
    cut_connections,
    descendants,
    environment,
    forget_orders,
    order,
    standing_still,
    wait_for_pause,
)
from tests.faults.rig import Rig
from tests.faults.row import Row, all_paid_once
from tests.harness.environment import with_database
from tests.load.stack import ROOT

COPY = "copy"
TASKS = {"payouts.tasks.watch": "watch", "payouts.tasks.sign": "sign", "payouts.tasks.release": "release"}


class SecondCopy:
    """It has the first one's key and nodes, and queues, cache and journal of its own."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._journal = rig.stack.folder / "journal" / "copy.journal"
        broker, cache = (self._url(rig, name) for name in ("broker-url", "cache-url"))
        self._given = {
            "DATABASE_URL": with_database(rig.stack.facts["database_url"], COPY),
            "BROKER_URL": broker.replace("virtual_host=0", "virtual_host=2"),
            "CACHE_URL": cache.replace("db=1", "db=3"),
            "SIGNER_JOURNAL_FILE": str(self._journal),
        }
        self._app = Celery("copy", broker=self._given["BROKER_URL"], set_as_current=False)
        self._processes = [
            self._start("worker", "release,send,watch,default", "--concurrency=2"),
            self._start("signer", "sign", "--pool=solo"),
        ]

    def turn(self) -> None:
        """As its beat would have it; what is sent twice does no harm."""
        for task, queue in TASKS.items():
            self._app.send_task(task, queue=queue, expires=60, retry=False, ignore_result=True)
            time.sleep(1)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)
        self._app.close()

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._given["DATABASE_URL"], autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def signed(self) -> int:
        return len(self._journal.read_bytes().splitlines()) if self._journal.exists() else 0

    def _start(self, name: str, queues: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-q", "-A", "lucid_payments.celery:app", "worker"]
        command += ["-Q", queues, *options, "-n", f"{COPY}-{name}@%h"]
        ready = self._rig.stack.folder / "ready" / f"{COPY}-{name}"
        ready.unlink(missing_ok=True)
        borrowed = {
            key: value
            for key, value in environment(self._rig, name).items()
            if key.removesuffix("_FILE") not in self._given or key in self._given
        }
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**borrowed, **self._given, "READY_FILE": str(ready)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not ready.exists():
            assert process.poll() is None, f"the second {name} ended"
            time.sleep(0.1)
        return process

    @staticmethod
    def _url(rig: Rig, name: str) -> str:
        return Path(rig.stack.folder / "secrets" / name).read_text().strip()


_copies: dict[Rig, SecondCopy] = {}


def keep_all_unreleased(rig: Rig) -> None:
    """Both copies know of the ten, and neither has an attempt yet."""
    forget_orders(rig)
    order(rig, "pause", "preflight.before")


def start_the_copy(rig: Rig) -> None:
    wait_for_pause(rig, "preflight.before")
    pids = rig.stack.pids()
    with standing_still([pid for name in APPLICATIONS for pid in descendants(pids[name])]):
        cut_connections(rig)
        as_owner(rig, f"CREATE DATABASE {COPY} TEMPLATE lucid")
    _copies[rig] = SecondCopy(rig)
    forget_orders(rig)
    for _ in range(6):
        rig.turn()
        _copies[rig].turn()
        rig.step(blocks=5)
    for _ in range(6):
        rig.turn()
        _copies[rig].turn()
        rig.step(blocks=10)


def the_copy_stands(rig: Rig) -> None:
    """It has signed nothing, says so, and won't by itself."""
    all_paid_once(rig)
    copy = _copies.pop(rig)
    try:
        assert copy.signed() == 0, f"the copy's journal has {copy.signed()} lines"
        told = copy.query(
            "SELECT locked_reason, statement_detail, (SELECT bool_or(pulled) FROM routers_killswitch)"
            " FROM payouts_signerstate, payouts_chainstate"
        )
        ((locked, statement, pulled),) = told
        assert pulled or locked or statement, told
        # Both may have made the same bytes at the same instant: then the first's transaction is the copy's, too.
        settled = {
            str(txid) for (txid,) in copy.query("SELECT txid FROM payouts_attempt WHERE state = 'succeeded'")
        }
        assert settled <= set(rig.txids()), "the copy settled what the first never sent"
    finally:
        copy.stop()


ROWS = [
    Row(
        name="a second copy of the whole deployment is started with the same key",
        expected="the copy's signer is locked, and stays so with what it sees leave the treasury; paid once",
        disturb=keep_all_unreleased,
        relieve=start_the_copy,
        expect=the_copy_stands,
        spoils=True,
    ),
]
