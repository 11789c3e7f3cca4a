"""The event outbox: what clients are told, written in the transaction of the change itself."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from lucid_payments.clock import LucidNow


def new_event_id() -> str:
    return f"evt_{uuid.uuid4().hex}"


class Event(models.Model):
    """One thing that happened to a subject that `owner` may know of."""

    append_only = True

    event_id = models.CharField(max_length=40, unique=True, default=new_event_id, editable=False)
    type = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "id"], name="event_owner"),
            models.Index(fields=["subject_type", "subject_id"], name="event_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
