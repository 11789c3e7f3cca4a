"""The rig: a whole stack of real processes on a chain whose time the test moves, and ten payouts asked for by HTTP."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis
from django_otp.oath import totp

from payouts.devnet.client import DevnetControl
from payouts.tron.signing import keyfile
from payouts.tron.signing.secret import Secret
from tests.faults.nudges import Nudges
from tests.load.client import Client, recipient
from tests.load.stack import ROOT, Stack, free_port, running

COUNT = 10
USDT = 1_000_000
LIVE = ("prepared", "signed", "sent", "included")
OVER = ("confirmed", "failed", "cancelled", "rejected", "manual")
# First what was begun goes on and the chain is read, then what may go now is released; that sets off the rest.
TURN = (("payouts.tasks.send", "payouts.tasks.watch", "payouts.tasks.sign"), ("payouts.tasks.release",))
TOKEN_SECONDS = 600
SETTINGS = {"DEMO_HISTORY_DAYS": "0", "V0_IN_FLIGHT_CAP": "10", "LOG_LEVEL": "WARNING"}
# Rows let weeks pass that no list would be renewed in; what an old list stops is shown elsewhere.
SETTINGS |= {"SCREENING_LISTS": "[]"}
DAY_MS = 24 * 3600 * 1000
MORNING_MS = 10 * 60 * 1000


@dataclass(frozen=True)
class Asked:
    """A payout that was asked for; `amount` in base units."""

    payout_id: str
    recipient: str
    amount: int


class Rig:
    """One stack. `asked` are the payouts of the row under way."""

    def __init__(self, stack: Stack, orders: Path, second_key: str = "") -> None:
        self.stack = stack
        self.orders = orders
        self.devnet: DevnetControl = stack.devnet
        self.treasury: str = stack.facts["treasury_address"]
        self.second_key = second_key
        self._paid_before: list[str] = []
        self.asked: list[Asked] = []
        self.began_ms = 0
        self.first_audit_entry = 0
        self._nudges = Nudges(stack.folder)
        self._logged_in: tuple[Client, float] | None = None
        self._rows = 0
        self._closing = ExitStack()
        self.devnet.clock("manual")
        self.devnet.step(blocks=20)
        self.turn()

        # True of the stack itself, whatever happens to its payouts: a treasury fuller than it should be, say.
        self.standing_alarms = self.alarms()

    @property
    def count(self) -> int:
        return len(self.asked)

    # --- time and processes -------------------------------------------------------------------------------

    def step(self, *, blocks: int | None = None, seconds: float | None = None) -> None:
        """Chain time goes on; every process sees it in its next turn."""
        self.devnet.step(blocks=blocks, seconds=seconds)

    def turn(self) -> None:
        """Every process does what there is to be done at this instant."""
        for tasks in TURN:
            self._nudges.turn(*tasks)

    def pass_by(self, seconds: int) -> None:
        """So much chain time, block after block: a turn every half minute, more seldom the longer it takes."""
        began = self.devnet.now_ms()
        while (left := began + seconds * 1000 - self.devnet.now_ms()) > 0:
            passed = (self.devnet.now_ms() - began) // 60_000
            longest = 10 if passed < 2 else 20 if passed < 10 else 100
            self.step(blocks=max(1, min(longest, left // 3000)))
            self.turn()

    def new_day(self) -> None:
        """Ten past midnight of the next day: fresh windows, no sample of earlier attempts, every reading fresh."""
        self._rows += 1
        now = self.devnet.now_ms()
        self.devnet.clock("manual", now_ms=now - now % DAY_MS + DAY_MS + MORNING_MS)
        self.devnet.step(blocks=20)
        self.turn()
        self.asked = []
        self.began_ms = self.devnet.now_ms()
        (self.first_audit_entry,) = self.one("SELECT coalesce(max(id), 0) FROM audit_auditentry")

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Signal a process of the stack; its supervisor starts it again when it is gone."""
        os.kill(self.stack.pids()[name], how)

    def deliver(self, copies: int) -> None:
        """How often each nudge comes from now on."""
        self._nudges.copies = copies

    def wipe_the_broker(self) -> None:
        """Everything in it: queues, what is in somebody's hands, the cache with its counters."""
        self._nudges.valkey.flushall()

    def forget_what_the_dead_held(self) -> None:
        self._nudges.forget_what_the_dead_held()

    def wait_for_servers(self) -> None:
        """Until database and broker answer again."""
        wait_until(self._servers_answer, "the servers don't answer")

    def _servers_answer(self) -> bool:
        try:
            return bool(self.query("SELECT 1")) and bool(self._nudges.valkey.ping())
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    # --- payouts ------------------------------------------------------------------------------------------

    def ask(self, count: int = COUNT) -> None:
        """Ask for so many payouts, each to a recipient of its own and of an amount of its own."""
        client, first = self._client(), self.count
        for number in range(first, first + count):
            amount = USDT + (number + 1) * 10_000
            serial = f"fault-{self._rows}-{number}"
            payout_id = client.pay(serial, f"{amount // USDT}.{amount % USDT:06}")
            self.asked.append(Asked(payout_id, recipient(serial), amount))
        client.hang_up()

    def ask_aside(self) -> str:
        """One payout more, which isn't counted among the ten; answers its id. Raises RuntimeError when refused."""
        client = self._client()
        try:
            return client.pay(f"fault-{self._rows}-aside-{self.devnet.now_ms()}")
        finally:
            client.hang_up()

    def status_of(self, payout_id: str) -> tuple[str, str | None]:
        """Its status and why it is held."""
        status, reason = self.one(
            "SELECT status, hold_reason FROM payouts_payout WHERE payout_id = %s", payout_id
        )
        return status, reason

    def release_kill_switch(self) -> None:
        """Two administrators, each with a fresh code, release it at the prompt: an act of two people."""
        people = [self.stack.facts["users"][name] for name in ("admin", "second_admin")]
        codes = [f"{totp(base64.b32decode(person['totp_secret'])):06}" for person in people]
        command = [
            "killswitch",
            "release",
            "--actor",
            people[0]["username"],
            "--second",
            people[1]["username"],
        ]
        self.manage(*command, "--reason", "What was paid has been looked at.", told="\n".join(codes) + "\n")

    def manage(self, *arguments: str, told: str = "") -> str:
        """Run one of Django's commands as an operator of this stack would; answers what it prints."""
        environment = Path(f"/proc/{self.stack.pids()['web']}/environ").read_text().split("\0")
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=dict(pair.split("=", 1) for pair in environment if "=" in pair),
            input=told,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # no terminal: the prompts read what is told
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _client(self) -> Client:
        """The service account's, logged in as often as its token runs out: a login costs as much as ten payouts."""
        if self._logged_in is None or time.monotonic() - self._logged_in[1] > TOKEN_SECONDS:
            self._logged_in = Client(self.stack.facts), time.monotonic()
        return self._logged_in[0]

    def until(self, state: str, turns: int = 10) -> None:
        """Let the processes work, and for `included` one block come, until all ten are so far."""
        for _ in range(turns):
            self.turn()
            if self.attempts() == {state: self.count}:
                return
            if state == "included":
                self.step(blocks=1)
        raise AssertionError(f"not all {state}: {self.explain()}")

    def resolve(self, bound_seconds: int) -> bool:
        """Let time go on until all have ended, faster after five minutes; False when the bound is over first."""
        began = self.devnet.now_ms()
        deadline = began + bound_seconds * 1000
        while True:
            self.turn()
            if not self.open_payouts():
                return True
            if self.devnet.now_ms() >= deadline:
                return False
            live = {state for state in LIVE if self.attempts()[state]}
            late = self.devnet.now_ms() > began + 300_000
            if live:
                self.step(blocks=20 if late else 10 if live == {"included"} else 5)
            else:
                self.step(seconds=self._pause())

    def _pause(self) -> float:
        """Seconds until a back-off or a cool-down ends; half a minute where none does."""
        (ends,) = self.one(
            "SELECT extract(epoch FROM min(at) - lucid_now())::float FROM"
            " (SELECT due_at AS at FROM payouts_payout WHERE status = 'scheduled'"
            " UNION ALL SELECT cool_down_until FROM routers_breaker WHERE state = 'open') AS moments"
            " WHERE at > lucid_now()"
        )
        return float(ends) + 1 if ends else 30

    def statuses(self) -> Counter[str]:
        return Counter(
            dict(
                self.query(
                    "SELECT status, count(*) FROM payouts_payout WHERE payout_id = ANY(%s) GROUP BY 1",
                    self.ids(),
                )
            )
        )

    def attempts(self) -> Counter[str]:
        """States of the payouts' attempts."""
        return Counter(
            dict(
                self.query(
                    "SELECT a.state, count(*) FROM payouts_attempt a JOIN payouts_payout p ON p.id = a.payout_id"
                    " WHERE p.payout_id = ANY(%s) GROUP BY 1",
                    self.ids(),
                )
            )
        )

    def txids(self) -> list[str]:
        """Of all attempts so far, oldest first."""
        rows = self.query(
            "SELECT a.txid FROM payouts_attempt a JOIN payouts_payout p ON p.id = a.payout_id"
            " WHERE p.payout_id = ANY(%s) ORDER BY a.id",
            self.ids(),
        )
        return [txid for (txid,) in rows]

    def open_payouts(self) -> int:
        return sum(number for status, number in self.statuses().items() if status not in OVER)

    def alarms(self) -> set[str]:
        """The kinds that are raised now."""
        return {kind for (kind,) in self.query("SELECT kind FROM payouts_alarm WHERE cleared_at IS NULL")}

    def ids(self) -> list[str]:
        return [asked.payout_id for asked in self.asked]

    def explain(self) -> str:
        """Each payout's state in a line, for a failed assertion."""
        rows = self.query(
            "SELECT p.status, p.hold_reason, p.retries, p.failure_message, array_agg(a.state ORDER BY a.id), count(*)"
            " FROM payouts_payout p LEFT JOIN payouts_attempt a ON a.payout_id = p.id"
            " WHERE p.payout_id = ANY(%s) GROUP BY p.id",
            self.ids(),
        )
        lines = Counter(str(row[:5]) for row in rows)
        alarms = self.query("SELECT kind, detail FROM payouts_alarm WHERE cleared_at IS NULL")
        breakers = self.query("SELECT scope, state, detail FROM routers_breaker WHERE state <> 'closed'")
        switches = self.query("SELECT scope, reason FROM routers_killswitch WHERE pulled")
        chain = self.query(
            "SELECT head_number, solid_number, operators_usable, clock_trips, quarantine, statement_detail,"
            " foreign_txid, token_refusal FROM payouts_chainstate"
        )
        return f"{dict(lines)}; alarms {alarms}; breakers {breakers}; switches {switches}; chain {chain}"

    # --- faults and books ---------------------------------------------------------------------------------

    def fault(self, kind: str, *endpoints: str, **options: Any) -> None:
        """The same fault at each of these endpoints; `node` and `calls` as `DevnetControl.fault` takes them."""
        for endpoint in endpoints:
            self.devnet.fault(kind, endpoint, **options)

    def put_right(self) -> None:
        """No faults, no forks, no lag; solidification goes on."""
        state = self.devnet.state()
        self.devnet.clear_faults()
        for node in state["nodes"]:
            if node["forked"]:
                self.devnet.heal(node["node"])
            if node["lag"]:
                self.devnet.lag(node["node"], 0)
        if state["stalled"]:
            self.devnet.stall(False)

    def pays_from(self, address: str) -> None:
        """The treasury has another key; what the one before it still sends is the treasury's all the same."""
        self._paid_before.append(self.treasury)
        self.treasury = address

    def outgoing(self) -> list[dict[str, Any]]:
        """The chain's own word of what left the treasury's addresses: every Transfer of value."""
        addresses = (*self._paid_before, self.treasury)
        return [row for payer in addresses for row in self.devnet.transfers(payer=payer) if row["amount"]]

    def holdings(self) -> tuple[int, int]:
        """Base units and sun at the treasury's addresses, by the chain."""
        held = [self.devnet.balances(address) for address in (*self._paid_before, self.treasury)]
        return sum(row["usdt"] for row in held), sum(row["trx_sun"] for row in held)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the stack's own books."""
        return self.stack.query(sql, *parameters)

    def one(self, sql: str, *parameters: object) -> tuple[Any, ...]:
        (row,) = self.query(sql, *parameters)
        return row

    def at_close(self, act: Callable[[], object]) -> None:
        """Do this just before the stack is stopped, whatever came of its rows."""
        self._closing.callback(act)

    def close(self) -> None:
        self._nudges.close()
        self.devnet.close()
        self._closing.close()


@contextmanager
def another_key() -> Iterator[dict[str, str]]:
    """A second treasury key, and the settings that tell a stack of it."""
    with tempfile.TemporaryDirectory(prefix="lucid-key-") as name:
        file, password = Path(name) / "other.json", Path(name) / "password"
        password.write_text(secrets.token_hex(24))
        password.chmod(0o600)
        address = keyfile.create(file, Secret.from_file(password), scrypt_n=2)
        yield {
            "TREASURY_OTHER_ADDRESS": address,
            "TREASURY_OTHER_KEY_FILE": str(file),
            "TREASURY_OTHER_PASSWORD_FILE": str(password),
        }


@contextmanager
def rig(**settings: str) -> Iterator[Rig]:
    """A rig on a fresh stack."""
    with (
        tempfile.TemporaryDirectory(prefix="lucid-orders-") as orders,
        running(
            free_port(), latency_ms=0, treasury_sun=0, **SETTINGS, FAULT_POINTS_FOLDER=orders, **settings
        ) as stack,
    ):
        made = Rig(stack, Path(orders), settings.get("TREASURY_OTHER_ADDRESS", ""))
        try:
            yield made
        finally:
            made.close()


def wait_until(found: Callable[[], object], what: str, limit_seconds: float = 60) -> None:
    """Until `found()` is true: for what happens in a process's own time, such as its start."""
    deadline = time.monotonic() + limit_seconds
    while not found():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)
