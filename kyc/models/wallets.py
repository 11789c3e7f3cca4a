"""Wallets: the address that a user or a node is paid at, proven or confirmed, with all that came before it."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from kyc.models.operators import Node
from lucid_payments.clock import LucidNow


class WalletProof(models.TextChoices):
    SIGNED = "signed", "Signed message"
    CONFIRMED = "confirmed", "Two people"


class WalletEnd(models.TextChoices):
    REPLACED = "replaced", "Replaced by another"
    WITHDRAWN = "withdrawn", "Withdrawn by staff"


class Wallet(models.Model):
    """One address of one owner. It counts from `counts_from` until it ends; at most one hasn't ended."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="wallets")
    node = models.ForeignKey(Node, models.PROTECT, null=True, related_name="wallets")
    address = models.CharField(max_length=34)
    proof = models.CharField(max_length=9, choices=WalletProof)
    # The message and its signature, which anybody can check again; empty for what two people confirmed.
    message = models.TextField(blank=True)
    signature = models.CharField(max_length=132, blank=True)
    nonce_sha256 = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    counts_from = models.DateTimeField(help_text="the end of the cooling-off time")
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=9, choices=WalletEnd, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True, node__isnull=False) | Q(user__isnull=False, node__isnull=True),
                name="wallet_has_one_owner",
            ),
            models.UniqueConstraint(
                fields=("user",), condition=Q(ended_at__isnull=True), name="wallet_one_per_user"
            ),
            models.UniqueConstraint(
                fields=("node",), condition=Q(ended_at__isnull=True), name="wallet_one_per_node"
            ),
            models.CheckConstraint(
                condition=Q(proof="signed", nonce_sha256__isnull=False, confirmed_by__isnull=True)
                | (Q(proof="confirmed", confirmed_by__isnull=False) & ~Q(confirmed_by=F("added_by"))),
                name="wallet_is_proven",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end="") | (Q(ended_at__isnull=False) & ~Q(end="")),
                name="wallet_ends_with_a_reason",
            ),
        ]
        indexes = [models.Index(fields=("address",), name="wallet_by_address")]

    def __str__(self) -> str:
        return f"wallet {self.pk}"

    def counts(self, at: datetime) -> bool:
        """Whether payments may rest on it at `at` (UTC)."""
        return self.ended_at is None and self.counts_from <= at
