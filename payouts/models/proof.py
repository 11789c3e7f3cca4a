"""What a settled run published: the signed root over all of its recipients, and each one's leaf with its way up."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from lucid_payments.clock import LucidNow
from payouts.models.distribution import DistributionRun, Entitlement


class RunRoot(models.Model):
    """One a run, for ever. `statement` is what is published: everything that is signed, and the signature."""

    append_only: ClassVar[bool] = True

    run = models.OneToOneField(DistributionRun, models.PROTECT, related_name="root")
    size = models.IntegerField(help_text="leaves")
    root = models.CharField(max_length=64, help_text="SHA-256, RFC 9162")
    statement = models.JSONField()
    public_key = models.CharField(
        max_length=64, help_text="Ed25519; the audit log's heads are signed by it too"
    )
    at = models.DateTimeField(db_default=LucidNow())

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Root of {self.run_id}"


class RunLeaf(models.Model):
    """One recipient's leaf, as it was hashed, and what it meets on its way to the root."""

    append_only: ClassVar[bool] = True

    root = models.ForeignKey(RunRoot, models.PROTECT, related_name="leaves")
    entitlement = models.OneToOneField(Entitlement, models.PROTECT, related_name="leaf")
    place = models.IntegerField(help_text="0, 1, … in the order of payment")
    content = models.TextField(help_text="canonical JSON")
    path = models.BinaryField(help_text="hashes of 32 bytes, the lowest first")

    class Meta:
        ordering = ("place",)
        constraints = [models.UniqueConstraint(fields=("root", "place"), name="run_leaf_place_once")]

    def __str__(self) -> str:
        return f"leaf {self.place} of {self.root_id}"
