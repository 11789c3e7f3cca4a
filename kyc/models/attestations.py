"""Authorities, the keys they sign with, and what they have attested of nodes."""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from kyc.attestation import keys
from kyc.models.operators import Node
from lucid_payments.clock import LucidNow


class KeyState(models.TextChoices):
    """See `kyc.attestation.keys.KeyState`, which says what each is worth."""

    PENDING = keys.KeyState.PENDING.value, "Pending"
    ACTIVE = keys.KeyState.ACTIVE.value, "Active"
    RETIRING = keys.KeyState.RETIRING.value, "Retiring"
    REVOKED = keys.KeyState.REVOKED.value, "Revoked"
    COMPROMISED = keys.KeyState.COMPROMISED.value, "Compromised"


ENDED: Final = (KeyState.REVOKED, KeyState.COMPROMISED)


class Authority(models.Model):
    """Who attests. `name` is the `iss` of its attestations."""

    name = models.CharField(max_length=100, unique=True)
    created_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        verbose_name_plural = "authorities"

    def __str__(self) -> str:
        return self.name


class AuthorityKey(models.Model):
    """A public key of an authority's. A trigger keeps its name, its bytes and its people as they are."""

    authority = models.ForeignKey(Authority, models.PROTECT, related_name="keys")
    kid = models.CharField(max_length=43, unique=True, help_text="RFC 7638 thumbprint")
    x = models.CharField(max_length=43, help_text="the Ed25519 public key, base64url")
    state = models.CharField(max_length=11, choices=KeyState, default=KeyState.PENDING)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField(db_default=LucidNow(), editable=False)
    activated_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="when it was revoked or known to be compromised")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=KeyState.values), name="authority_key_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(approved_by=F("added_by")), name="authority_key_approved_by_another"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, ended_at__isnull=False)
                | (~Q(state__in=ENDED) & Q(ended_at__isnull=True)),
                name="authority_key_ends_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kid[:12]}… of {self.authority}"


class Attestation(models.Model):
    """One attestation as it was signed, and what it says in columns, for lists and look-ups alone.

    Whoever decides about money reads `document` again: it is verified, the columns aren't.
    """

    append_only: ClassVar[bool] = True

    node = models.ForeignKey(Node, models.PROTECT, related_name="attestations")
    key = models.ForeignKey(AuthorityKey, models.PROTECT, related_name="attestations")
    document = models.TextField(help_text="compact JWS")
    jti = models.CharField(max_length=200, unique=True)
    seq = models.IntegerField(help_text="grows with each attestation of the node")
    issued_at = models.DateTimeField()
    not_before = models.DateTimeField()
    expires_at = models.DateTimeField()
    wallet = models.CharField(max_length=34)
    kyc_hash = models.CharField(max_length=71)
    level = models.CharField(max_length=200)
    risk = models.CharField(max_length=200)
    per_payout = models.BigIntegerField(null=True, help_text="base units; empty: no limit")
    daily = models.BigIntegerField(null=True, help_text="base units per day (UTC); empty: no limit")
    monthly = models.BigIntegerField(null=True, help_text="base units per month (UTC); empty: no limit")
    policy_version = models.CharField(max_length=200)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    imported_at = models.DateTimeField(db_default=LucidNow(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "seq"], name="attestation_seq_once"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="attestation_seq_from_1"),
            models.CheckConstraint(
                condition=Q(not_before__lt=F("expires_at")), name="attestation_ends_after_it_begins"
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="attestation_expires"),
            models.Index(fields=["wallet"], name="attestation_wallet"),
        ]

    def __str__(self) -> str:
        return f"attestation {self.seq} of {self.node.node_id}"


class AwaitingAttestation(Node):
    """The page of the queues; its rows are asked for by `kyc.attestation.requesting`."""

    class Meta:
        proxy = True
        verbose_name_plural = "nodes awaiting attestation"
