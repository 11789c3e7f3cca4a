"""Accounts: one row per person or machine, with exactly one role."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models

from lucid_payments.accounts import roles
from lucid_payments.accounts.roles import Duty, Role


class User(AbstractUser):
    """A person or machine. `is_staff` follows the role: whoever works in the back office is staff."""

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.END_USER)
    # Of compliance officers alone; changed by `staff.change_duties`.
    duties = ArrayField(
        models.CharField(max_length=20, choices=Duty), default=list, db_default=[], blank=True
    )
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Staff alone: who asked for the account, and who agreed; both empty for the first two (`manage.py bootstrap`).
    created_by = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    # The one person who may make the account's one-time password, once.
    password_owed_by = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    # The password was made for its owner and must be changed first; after this moment it opens nothing.
    one_time_until = models.DateTimeField(null=True)
    # Sessions and tokens from before this moment have ended (the machine's clock, as theirs).
    signed_out_at = models.DateTimeField(null=True)
    # API clients alone: how many times the contract's limits per minute, and what every creation must carry.
    rate_factor = models.PositiveSmallIntegerField(default=1)
    # Endpoint to `a_minute` and `until`: what staff raised above that (`api.raised_limits`).
    raised_limits = models.JSONField(default=dict, blank=True)
    needs_idempotency_key = models.BooleanField(default=False)
    needs_reference = models.BooleanField(default=False)
    # The Ed25519 public key (base64url) that signs the events it tells; whether it must sign every one.
    fact_key = models.CharField(max_length=43, blank=True, default="", db_default="")
    needs_signature = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_is_known"),
            models.CheckConstraint(
                condition=models.Q(needs_signature=False) | ~models.Q(fact_key=""),
                name="user_signs_with_a_key",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True)
                | ~models.Q(confirmed_by=models.F("created_by")),
                name="user_confirmed_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(duties__contained_by=Duty.values), name="user_duty_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(duties=[]) | models.Q(role=Role.COMPLIANCE_OFFICER),
                name="user_duties_fit_the_role",
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.is_staff = self.is_back_office
        fields = kwargs.get("update_fields")
        if fields is not None and "role" in fields:
            kwargs["update_fields"] = {*fields, "is_staff"}
        super().save(*args, **kwargs)

    @property
    def is_back_office(self) -> bool:
        return self.role in roles.BACK_OFFICE

    @property
    def permissions(self) -> frozenset[str]:
        """What the role's row in the contract grants (`payment:create`, …)."""
        return roles.PERMISSIONS[self.role]

    @property
    def must_change_password(self) -> bool:
        return self.one_time_until is not None

    def has_duty(self, duty: Duty) -> bool:
        """Whether it is this person's now; nobody else's, superusers included."""
        return self.is_active and self.role == Role.COMPLIANCE_OFFICER and duty in self.duties

    def may(self, permission: str) -> bool:
        return self.is_active and permission in self.permissions


class TokenFamily(models.Model):
    """The tokens that one login led to. Each refresh token works once; used again, the whole family ends.

    Times are the machine's clock, as the tokens' are.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    # SHA-256 of the `jti` of the one refresh token that works now.
    current = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return f"tokens of {self.user}"


class Client(User):
    """An account that calls the API: a service, a node operator or an end user."""

    class Meta:
        proxy = True
        verbose_name = "API client"
        verbose_name_plural = "API clients"


class MachineKey(models.Model):
    """What a machine exchanges for access tokens. Agreed on by two people; the secret is kept as its digest alone.

    Times are the machine's clock, as the tokens' are.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="machine_keys")
    name = models.CharField(max_length=80)
    # SHA-256 of the secret; NULL until who asked for the key has made it. The hint is its beginning.
    digest = models.BinaryField(max_length=32, unique=True, null=True)
    hint = models.CharField(max_length=12, blank=True)
    # Permissions, some of the role's; networks in CIDR notation, none for any.
    scopes = models.JSONField()
    networks = models.JSONField(default=list)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="machine_key_name_once"),
            models.CheckConstraint(
                condition=~models.Q(confirmed_by=models.F("created_by")),
                name="machine_key_confirmed_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class OutsideIdentity(models.Model):
    """The account that a subject of an outside issuer has here. Its role follows the newest of the subject's tokens."""

    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=100)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="outside_identity")
    # `iat` of the newest token seen, in epoch seconds on the issuer's clock.
    role_said_at = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "outside identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="outside_identity_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


class RecoveryCode(models.Model):
    """One of ten codes for who lost the authenticator; the code itself is shown once and kept nowhere."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code of {self.user}"


class LoginAttempts(models.Model):
    """Failed logins by account, by address, and by both; `blocked_until` is on the machine's clock.

    The account is kept as a digest: people type passwords into the wrong box.
    """

    account = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=100, blank=True)
    failures = models.IntegerField(default=0)
    last_at = models.DateTimeField()
    blocked_until = models.DateTimeField()
    # What the account's owner hears of at the next login.
    untold = models.IntegerField(default=0)
    untold_since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "address"], name="login_attempts_once")]

    def __str__(self) -> str:
        return f"{self.failures} failed logins"
