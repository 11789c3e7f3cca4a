"""Whose data the vault keeps: a subject has a data key, and without it is nobody any more."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q

from lucid_payments.clock import LucidNow


def new_subject_id() -> str:
    """An id nobody can guess: 128 bits."""
    return f"subject_{secrets.token_hex(16)}"


class Subject(models.Model):
    """A person or firm, known here by nothing but the key that opens what is stored about them elsewhere."""

    public_id = models.CharField(max_length=40, unique=True, default=new_subject_id, editable=False)
    # AES-256-GCM under the KEK, with the subject and the KEK as associated data; empty once destroyed.
    wrapped_key = models.BinaryField(max_length=100, blank=True)
    kek_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    destroyed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        indexes = [
            # What a rotation looks for: whose data key isn't wrapped by the current KEK yet.
            models.Index(fields=["kek_id", "id"], condition=Q(destroyed_at=None), name="subject_kek"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(destroyed_at=None, kek_id__gt="") & ~Q(wrapped_key=b"")
                | Q(destroyed_at__isnull=False, kek_id="", wrapped_key=b""),
                name="subject_has_a_key_until_destroyed",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
