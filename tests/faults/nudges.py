"""Beat's messages on request: every process gets its turn when the test says so, and the test knows when it is over.

A nudge may always be doubled, so those of the test harm nothing beside beat's own.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import redis
from celery import Celery

QUEUES = {
    "payouts.tasks.send": "send",
    "payouts.tasks.watch": "watch",
    "payouts.tasks.sign": "sign",
    "payouts.tasks.release": "release",
}
# A consumer holds a message for an instant in neither list: so many looks in a row must find nothing.
LOOKS = 3
BETWEEN_LOOKS_SECONDS = 0.015


class Nudges:
    """The broker of a stack in `folder`."""

    def __init__(self, folder: Path) -> None:
        # How often each nudge is delivered.
        self.copies = 1
        self._folder = folder
        secrets = folder / "secrets"
        broker_url = (secrets / "broker-url").read_text().strip()
        cache_url = (secrets / "cache-url").read_text().strip()
        self._app = Celery("faults", broker=broker_url, set_as_current=False)
        self.valkey = redis.Redis.from_url(cache_url.replace("?db=1", "?db=0"))

    def close(self) -> None:
        self._app.close()
        self.valkey.close()

    def turn(self, *tasks: str) -> None:
        """Have these run now, side by side, and wait until they and whatever they set off are over."""
        for task in tasks * self.copies:
            self._app.send_task(task, queue=QUEUES[task], expires=60, retry=False, ignore_result=True)
        self.wait()

    def wait(self, limit_seconds: float = 240) -> None:
        """Until no process has anything in hands. Raises TimeoutError."""
        deadline, quiet, lives = time.monotonic() + limit_seconds, 0, self._lives()
        while quiet < LOOKS:
            if (now := self._lives()) != lives:
                lives = now
                self.forget_what_the_dead_held()
            quiet = quiet + 1 if self._nothing_under_way() else 0
            if time.monotonic() > deadline:
                raise TimeoutError(f"the processes are still busy after {limit_seconds:.0f} s")
            time.sleep(BETWEEN_LOOKS_SECONDS)

    def _lives(self) -> dict[str, int]:
        """The consumers' processes, as far as they are ready."""
        pids = json.loads((self._folder / "demo.json").read_text())["pids"]
        ready = self._folder / "ready"
        return {name: pids.get(name) for name in ("worker", "signer") if (ready / name).exists()}

    def _nothing_under_way(self) -> bool:
        """`acks_late`: what runs stays among the unacknowledged until it is done."""
        waiting = sum(int(self.valkey.llen(queue)) for queue in QUEUES.values())
        return not waiting and not self.valkey.hlen("unacked")

    def forget_what_the_dead_held(self) -> None:
        """What a killed consumer had in hands comes back after ten minutes of the wall clock; nobody need wait."""
        self.valkey.delete("unacked", "unacked_index")
