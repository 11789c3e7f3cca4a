"""What Blockchain Core tells us: sessions that ended, nodes' reputations, nodes that came and went."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from lucid_payments.clock import LucidNow


class WorkKind(models.TextChoices):
    """The last part of the address that it was posted to."""

    SESSION_COMPLETED = "session-completed", "Session completed"
    NODE_REPUTATION = "node-reputation", "Node's reputation"
    NODE_REGISTERED = "node-registered", "Node registered"
    NODE_DEREGISTERED = "node-deregistered", "Node deregistered"


class WorkEvent(models.Model):
    """One fact as it came. It is never changed: a correction is another event that names this one."""

    append_only: ClassVar[bool] = True

    event_id = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=WorkKind)
    # SHA-256 of what was posted: the same id with other facts is a mistake, and not a second try.
    digest = models.BinaryField(max_length=32)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    # The `event_id` of an earlier one that this replaces; that one may come later.
    corrects = models.CharField(max_length=100, null=True)  # noqa: DJ001

    # Of a session: whose it was, a node's or a user's or both, and how much was done in it.
    session_id = models.CharField(max_length=50, null=True)  # noqa: DJ001
    node_id = models.CharField(max_length=50, null=True)  # noqa: DJ001
    user_id = models.CharField(max_length=50, null=True)  # noqa: DJ001
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    sessions_relayed = models.BigIntegerField(null=True)
    megabytes_relayed = models.DecimalField(max_digits=18, decimal_places=6, null=True)

    # Of a node.
    score = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    operator_id = models.CharField(max_length=50, null=True)  # noqa: DJ001
    wallet_address = models.CharField(max_length=34, null=True)  # noqa: DJ001

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="session-completed")
                | Q(
                    session_id__isnull=False,
                    started_at__isnull=False,
                    ended_at__gte=F("started_at"),
                    sessions_relayed__gte=0,
                    megabytes_relayed__gte=0,
                ),
                name="work_session_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(kind="session-completed") | Q(node_id__isnull=False), name="work_names_a_node"
            ),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=1), name="work_score_in_range"
            ),
        ]
        indexes = [
            models.Index(
                fields=("ended_at", "id"), name="work_by_end", condition=Q(kind="session-completed")
            ),
            models.Index(
                fields=("session_id",), name="work_by_session", condition=Q(session_id__isnull=False)
            ),
            models.Index(
                fields=("node_id", "-occurred_at", "-id"),
                name="work_of_nodes",
                condition=~Q(kind="session-completed"),
            ),
            models.Index(fields=("corrects",), name="work_corrects", condition=Q(corrects__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.event_id
