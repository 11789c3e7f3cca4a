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


def new_webhook_id() -> str:
    return f"wh_{uuid.uuid4().hex}"


class WebhookEndpoint(models.Model):
    """An address that a client wants to be told at. Its secret isn't kept: it follows from `secret_version`.

    Times are the machine's clock, as timestamps told to other machines must be; `created_at` is the events'.
    """

    webhook_id = models.CharField(max_length=40, unique=True, default=new_webhook_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=500)
    types = models.JSONField(default=list, help_text="event types; none: all")
    secret_version = models.IntegerField(default=1)
    # While a secret is being changed the one before it signs, too.
    previous_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=200, blank=True)
    last_success_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "id"], name="webhook_owner")]

    def __str__(self) -> str:
        return self.webhook_id


class DeliveryState(models.TextChoices):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint. `next_at` is when it is tried next, on the machine's clock."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.WAITING)
    tries = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="webhook_delivery_once")]
        indexes = [
            models.Index(
                fields=["next_at", "id"], name="webhook_due", condition=models.Q(state=DeliveryState.WAITING)
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_of_endpoint"),
            # For the counts that staff see.
            models.Index(fields=["endpoint", "state"], name="webhook_state_of_endpoint"),
            models.Index(fields=["state", "-id"], name="webhook_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint}"


class WebhookTry(models.Model):
    """One request and what came back: a status, or the reason why there was none."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="made")
    at = models.DateTimeField()
    milliseconds = models.IntegerField()
    status = models.IntegerField(null=True)
    problem = models.CharField(max_length=200, blank=True)
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "webhook tries"

    def __str__(self) -> str:
        return f"try of {self.delivery}"


class WebhookPosition(models.Model):
    """How far events have been handed to endpoints: one row. `transaction` is PostgreSQL's number of the writer's."""

    transaction = models.BigIntegerField(default=0)
    event_pk = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="webhook_position_single")]

    def __str__(self) -> str:
        return f"event {self.event_pk}"
