"""A word to somebody outside, every minute that payouts could go out: who misses it knows that this machine is dead.

It is a GET of an address that is a secret itself. It isn't sent while payouts can't go out for a reason of this machine
or of its way to the chain; what people must decide (kill switch, lists, the token) is told in other ways.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Final

from django.conf import settings
from django.core.cache import cache
from prometheus_client import Counter

from lucid_payments import clock
from lucid_payments.events import targets
from lucid_payments.nudge import NUDGE_LOST
from payouts import alarms, chain, gates
from payouts.models.payout import HoldReason

log = logging.getLogger(__name__)
ALARM: Final = "heartbeat_unsent"
# Over Tor a lost answer is ordinary.
LOST_BEFORE_ALARM: Final = 5
DEADLY: Final = (HoldReason.NODES, HoldReason.CLOCK, HoldReason.SIGNER)
_LOST_KEY: Final = "heartbeat:lost"
_REMEMBERED_SECONDS: Final = 3600

beats = Counter(
    "lucid_heartbeats_total", "Outgoing heartbeats: taken, lost, or withheld by illness", ["outcome"]
)
# Known from the start: a rate needs a zero before its first event.
for _outcome in ("taken", "lost", "withheld"):
    beats.labels(_outcome)


def beat() -> bool:
    """Send one, if an address is set and all is well; True when it was taken. A failure stops nothing."""
    if not settings.HEARTBEAT_URL:
        return False
    ill = illness()
    if ill:
        beats.labels("withheld").inc()
        log.warning("no heartbeat is sent", extra={"reasons": ill})
        return False
    problem = _call(settings.HEARTBEAT_URL)
    if problem:
        _lost(problem)
        return False
    beats.labels("taken").inc()
    _forget_lost()
    return True


def illness() -> list[str]:
    """Why this machine couldn't pay now, a sentence each; empty when it could."""
    shut = gates.shut(chain.state(), clock.now())
    return [shut[reason] for reason in DEADLY if reason in shut]


def _call(url: str) -> str:
    """What went wrong, without the address; empty when it was taken."""
    with targets.time_limit():
        try:
            targets.check(url)
            way = targets.pool("heartbeat")
            answer = way.request("GET", url, retries=False, redirect=False, preload_content=False)
            with closing(answer):
                return "" if 200 <= answer.status < 300 else f"answered {answer.status}"
        except targets.TargetRefused as refused:
            return str(refused)
        except Exception as error:  # noqa: BLE001 - whatever a receiver provokes is its own failure and nobody else's
            return type(error).__name__


def _lost(problem: str) -> None:
    beats.labels("lost").inc()
    log.warning("the heartbeat wasn't taken", extra={"problem": problem})
    try:
        cache.add(_LOST_KEY, 0, timeout=_REMEMBERED_SECONDS)
        lost = cache.incr(_LOST_KEY)
    except (*NUDGE_LOST, ValueError):
        # The count is away with the cache, which has alarms of its own.
        return
    if lost >= LOST_BEFORE_ALARM:
        alarms.raise_alarm(ALARM, f"The last {lost} heartbeats weren't taken: {problem}.")


def _forget_lost() -> None:
    alarms.clear([ALARM])
    try:
        cache.delete(_LOST_KEY)
    except NUDGE_LOST:
        log.warning("cache away")
