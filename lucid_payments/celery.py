"""The Celery application. PostgreSQL is the queue; a message is only a nudge, lost or doubled at will."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lucid_payments.settings")

app = Celery("lucid_payments")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
@beat_init.connect
def say_ready(**kwargs: object) -> None:
    """Tell a supervisor or a container's health check that this process works, by making READY_FILE."""
    if file := os.environ.get("READY_FILE"):
        Path(file).touch()
