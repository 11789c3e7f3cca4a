"""The Celery application. PostgreSQL is the queue; a message is only a nudge, lost or doubled at will."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lucid_payments.settings")

app = Celery("lucid_payments")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
