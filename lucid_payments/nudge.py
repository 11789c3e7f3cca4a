"""Wake a Celery task once a transaction has committed.

A nudge may be lost or doubled: the periodic sweep finds what it would have found. So nothing waits for the broker,
and a broker that is away costs a warning and no more. Many nudges of the same task within a second become one.
"""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from lucid_payments import seam
from lucid_payments.celery import app

log = logging.getLogger(__name__)
# What a broker or a cache that is away raises, through kombu or straight from its client.
NUDGE_LOST = (OSError, OperationalError, RedisError)


def after_commit(task: str) -> None:
    """Send `task` (its dotted name) when the running transaction has committed."""
    transaction.on_commit(lambda: send(task), robust=True)


def send(task: str, **kwargs: Any) -> None:
    """Send `task` now, unless the same one was sent within the last second and hasn't started yet."""
    try:
        if cache.add(_key(task), 1, timeout=1):
            with seam.between("nudge"):
                app.send_task(
                    task, kwargs=kwargs, queue=_queue(task), expires=30, retry=False, ignore_result=True
                )
    except NUDGE_LOST as error:
        log.warning(
            "nudge lost, the sweep will do its work", extra={"task": task, "error": type(error).__name__}
        )


def send_each(task: str, **kwargs: Any) -> None:
    """Send `task` now, however many of it were sent before; what no sweep finds may be lost."""
    try:
        app.send_task(task, kwargs=kwargs, queue="default", expires=3600, retry=False, ignore_result=True)
    except NUDGE_LOST as error:
        log.warning("message lost", extra={"task": task, "error": type(error).__name__})


def started(task: str) -> None:
    """The task is about to look: whoever commits from now on nudges anew."""
    try:
        cache.delete(_key(task))
    except NUDGE_LOST as error:
        log.warning("cache away", extra={"error": type(error).__name__})


def _key(task: str) -> str:
    return f"nudge:{task}"


def _queue(task: str) -> str:
    routes: dict[str, dict[str, str]] = app.conf.task_routes
    return routes[task]["queue"]
