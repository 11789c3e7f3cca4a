"""A treasury key's whole balance on its way to its destination, and whoever carries it killed.

The commands are run as an operator runs them: in processes of their own, with codes of the staff's authenticators.
"""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
from dataclasses import dataclass

from django_otp.oath import totp

from payouts.tron.signing.keybook import KeyBook
from tests.faults.orders import around, as_owner, environment, forget_orders, left, order
from tests.faults.rig import Rig
from tests.faults.row import HOUR, Row, all_paid_once, put_right
from tests.load.stack import ROOT

COLD, COLDER = "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL", "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
REASON = "drilled, so that it works on the day"
# Asked for while nothing can be paid.
MEANWHILE = 1
TOP_UP, TOP_UP_SUN = 25_000 * 1_000_000, 20_000 * 1_000_000
# Bytes fixed and unsigned, then signed in the journal alone; claimed and unsent, then landed and not booked.
UNTIL_IT_LEAVES = ("sweep_prepared.after", "journal.after")
ONCE_IT_LEAVES = ("sweep_claimed.after", "sweep_settled.before")
HOME = "goes on where the database stands; all of it at its destination once, each paid once"
# The key that pays is known to others: it stays so.
COMPROMISED = frozenset({"treasury_compromised", "signer"})


@dataclass
class Drill:
    """One way to begin a sweep, and who dies in it: whoever comes by one of `points`, once each."""

    command: str
    people: tuple[str, ...] = ("admin", "second_admin")
    points: tuple[str, ...] = ()
    _key: str = ""
    _held_before: int = 0
    _home_before: int = 0
    _first_sweep: int = 0

    def begin(self, rig: Rig) -> None:
        """The destination stands since the ceremony. A command that is killed is run again."""
        forget_orders(rig)
        self._key = rig.treasury
        fix_destination(rig, self._key, COLD)
        if self.command == "rotate":
            fix_destination(rig, rig.second_key, COLDER)
            rig.ask(MEANWHILE)
        # By the final blocks: at the head the ten that are on their way are gone already.
        self._held_before = rig.devnet.balances(self._key)["solid_usdt"]
        self._home_before = self._at_home(rig)
        (self._first_sweep,) = rig.one("SELECT coalesce(max(id), 0) + 1 FROM payouts_sweep")
        order(rig, "die", *self.points)
        for _ in around("sweep_begun") if "sweep_begun.before" in self.points else ():
            assert self._run(rig).returncode == -signal.SIGKILL, "it was to die"
        begun = self._run(rig)
        assert begun.returncode == 0, begun.stderr
        if self.command == "rotate":
            rig.pays_from(rig.second_key)

    def go_on(self, rig: Rig) -> None:
        """Until the sweep is over; then the key that pays is topped up, and whoever asked meanwhile is paid."""
        put_right(rig)
        until = rig.devnet.now_ms() + HOUR * 1000
        while under_way(rig):
            assert rig.devnet.now_ms() < until, f"{under_way(rig)}: {rig.explain()}"
            rig.turn()
            rig.step(blocks=5)
        self._all_is_home(rig)
        if self.command != "compromise":
            rig.ask(MEANWHILE)
            rig.devnet.fund(rig.treasury, usdt=TOP_UP, mine=True)
        if self.command == "rotate":
            rig.devnet.fund(rig.treasury, trx_sun=TOP_UP_SUN, mine=True)
            rig.step(blocks=40)
            rig.turn()
            # TRX that came in are booked by the comparison of every hour.
            rig.manage("reconcile")

    def expect(self, rig: Rig) -> None:
        """One sweep, which brought home all that the payouts in flight hadn't taken, once."""
        assert not left(rig), f"nobody came by {left(rig)}"
        all_paid_once(rig)
        begun = rig.query("SELECT state FROM payouts_sweep WHERE id >= %s", self._first_sweep)
        assert begun == [("done",)], begun

    def _all_is_home(self, rig: Rig) -> None:
        """Nothing is left, and what arrived is what was there less what the ten in flight took."""
        asked = {one.recipient for one in rig.asked}
        paid = sum(row["amount"] for row in rig.devnet.transfers(payer=self._key) if row["to"] in asked)
        assert rig.devnet.balances(self._key)["usdt"] == 0, "something was left"
        arrived = self._at_home(rig) - self._home_before
        assert arrived == self._held_before - paid, (arrived, self._held_before, paid)

    def _at_home(self, rig: Rig) -> int:
        """Base units at the destination."""
        held: int = rig.devnet.balances(COLD)["usdt"]
        return held

    def _run(self, rig: Rig) -> subprocess.CompletedProcess[str]:
        """The command as the signer's operator runs it, with a code of each person."""
        # A code counts once, and the next one comes in half a minute of the wall clock.
        as_owner(rig, "UPDATE otp_totp_totpdevice SET last_t = -1")
        people = [rig.stack.facts["users"][name] for name in self.people]
        named = ["--actor", people[0]["username"]]
        named += ["--second", people[1]["username"]] if people[1:] else []
        codes = [f"{totp(base64.b32decode(one['totp_secret'])):06}\n" for one in people]
        return subprocess.run(
            [
                sys.executable,
                "manage.py",
                "treasury",
                self.command,
                *named,
                "--reason",
                REASON,
            ],
            cwd=ROOT,
            env={**environment(rig, "signer"), "FAULT_POINTS_FOLDER": str(rig.orders)},
            input="".join(codes),
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # no terminal: the prompts read what is told
        )


def fix_destination(rig: Rig, key: str, destination: str) -> None:
    """As two people did at the key's ceremony, where they haven't."""
    book = KeyBook.beside(rig.stack.folder / "journal" / "signer.journal")
    if key not in book.destinations():
        book.fix_destination(key, destination, by="admin, second_admin", reason="the drill's", now_ms=0)


def under_way(rig: Rig) -> list[tuple[object, ...]]:
    """What each open sweep waits for."""
    return rig.query("SELECT id, detail FROM payouts_sweep WHERE state = 'open'")


def swept(name: str, drill: Drill, *, acts: int, expected: str = HOME, daily: bool = False) -> Row:
    """The ten are on their way when it begins."""
    return Row(
        name=name,
        expected=expected,
        strikes="sent",
        disturb=drill.begin,
        relieve=drill.go_on,
        expect=drill.expect,
        human_acts=acts,
        daily=daily,
        second_key=drill.command == "rotate",
        spoils=drill.command != "sweep",
        alarms=COMPROMISED if drill.command == "compromise" else frozenset(),
    )


ROWS = [
    swept(
        "the worker is killed when a sweep's bytes are fixed, and the signer when its journal has them",
        Drill("sweep", points=UNTIL_IT_LEAVES),
        acts=1,
        daily=True,
    ),
    swept(
        "after `treasury compromise` the worker is killed before the first byte leaves, and before it is booked",
        Drill("compromise", people=("admin",), points=ONCE_IT_LEAVES),
        acts=5,
        expected=f"{HOME}; the kill switch stays pulled",
        daily=True,
    ),
    swept(
        "a rotation is killed at the prompt, the worker when the sweep's bytes are fixed, the signer at its journal",
        Drill("rotate", points=(*around("sweep_begun"), *UNTIL_IT_LEAVES)),
        acts=2,
        expected=f"{HOME}, who waited by the new key",
    ),
]
