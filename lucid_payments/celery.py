"""The Celery application. PostgreSQL is the queue; a message is only a nudge, lost or doubled at will."""

from __future__ import annotations

import logging
import logging.config
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    heartbeat_sent,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_ready,
)
from django.core.exceptions import ImproperlyConfigured

from lucid_payments import log_context

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lucid_payments.settings")

log = logging.getLogger(__name__)
# Of a message's headers.
CARRIED: Final = "lucid_log_context"

app = Celery("lucid_payments")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def check_settings(**kwargs: object) -> None:
    """Refuse to start with settings that the system checks refuse; Celery itself ignores their errors."""
    from lucid_payments.checks import require_sound_settings

    try:
        require_sound_settings()
    except ImproperlyConfigured as error:
        # Celery logs any other exception of a receiver and starts all the same.
        raise SystemExit(str(error)) from None


@setup_logging.connect
def log_as_settings_say(**kwargs: object) -> None:
    """Celery would put handlers of its own on some loggers, and print in a shape of its own."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
    logging.captureWarnings(True)


@worker_ready.connect
@beat_init.connect
def say_ready(**kwargs: object) -> None:
    """Tell a supervisor or a container's health check that this process works, by making READY_FILE."""
    log.info("ready")
    if file := os.environ.get("READY_FILE"):
        Path(file).touch()


@heartbeat_sent.connect
def say_still_working(**kwargs: object) -> None:
    """Touch READY_FILE every few seconds, which a container's health check looks at (`healthcheck`)."""
    file = os.environ.get("READY_FILE")
    if file and Path(file).exists():
        os.utime(file)


@beat_init.connect
def say_that_beat_beats(**kwargs: object) -> None:
    """Beat has no heartbeat of its own; it publishes every second."""
    before_task_publish.connect(say_still_working)


@before_task_publish.connect
def send_along(headers: dict[str, Any], **kwargs: object) -> None:
    """The task's log lines name the request that woke it."""
    headers[CARRIED] = log_context.carried()


@task_prerun.connect
def take_along(task: Any, **kwargs: object) -> None:
    task.request.log_context = ExitStack()
    task.request.log_context.enter_context(log_context.of_one(task.request.get(CARRIED) or {}))


@task_postrun.connect
def leave_behind(task: Any, **kwargs: object) -> None:
    task.request.log_context.close()
