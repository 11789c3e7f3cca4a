"""The audit log: what was done, by whom, to what. Rows are inserted and never changed.

An entry is written in the business transaction and carries no hash; the sealer chains it a second later by a
row in a second table, so that business acts don't queue behind the head of the chain.
"""

from __future__ import annotations

from datetime import UTC
from typing import Final

from django.conf import settings
from django.db import models

from lucid_payments.clock import LucidNow

STATEMENT_TYPE: Final = "lucid-audit-head/v1"


class AuditEntry(models.Model):
    """One act. The table has one column more, `transaction` (xid8, the writer's), which the sealer reads."""

    append_only = True

    at = models.DateTimeField(db_default=LucidNow(), editable=False)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    # Labels stand beside the keys so that the entry still reads after a rename.
    actor_label = models.CharField(max_length=200)
    action = models.CharField(max_length=100)
    object_type = models.CharField(max_length=100, blank=True)
    object_id = models.CharField(max_length=100, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=128, blank=True)
    # The actor's role at that moment, and the address or Tor circuit that the request came from.
    role = models.CharField(max_length=20, blank=True, db_default="")
    client = models.CharField(max_length=100, blank=True, db_default="")
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["object_type", "object_id"], name="audit_entry_object"),
            models.Index(fields=["actor", "id"], name="audit_entry_actor"),
            models.Index(fields=["action", "id"], name="audit_entry_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_label}"


class AuditSeal(models.Model):
    """An entry's place in the hash chain. Positions are dense from 1, so a missing one shows."""

    append_only = True

    position = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, related_name="seal")
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    def __str__(self) -> str:
        return f"seal {self.position}"


class AuditHead(models.Model):
    """The head of the chain at a moment, signed with a key the database doesn't hold."""

    append_only = True

    at = models.DateTimeField(db_default=LucidNow(), editable=False)
    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    signature = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"head at {self.position}"


class PublishedHead(models.Model):
    """The chain's head of one day, with a signature that anybody who has the public key can check."""

    append_only = True

    day = models.DateField(unique=True, help_text="UTC; one signature a day")
    at = models.DateTimeField()
    deployment = models.CharField(max_length=60)
    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    key = models.CharField(max_length=16, help_text="which public key verifies it")
    signature = models.CharField(max_length=88, help_text="Ed25519, base64")

    def __str__(self) -> str:
        return f"head of {self.day}"

    def statement(self) -> dict[str, str | int]:
        """What is published: everything that is signed, and the signature."""
        return {
            "type": STATEMENT_TYPE,
            "deployment": self.deployment,
            "day": self.day.isoformat(),
            "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "position": self.position,
            "hash": self.hash,
            "key": self.key,
            "signature": self.signature,
        }


class AuditCheck(models.Model):
    """A walk over the whole chain by the system itself: how far it is, and what it found."""

    began_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    ended_at = models.DateTimeField(null=True)
    position = models.BigIntegerField(default=0, help_text="the last seal that was read")
    hash = models.CharField(max_length=64, help_text="what that seal says")
    damaged = models.IntegerField(default=0, help_text="wrong places found")
    damage = models.JSONField(default=list, help_text="a sentence for each of the first")

    def __str__(self) -> str:
        return f"check of {self.began_at}"
