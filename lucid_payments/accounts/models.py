"""Accounts: one row per person or machine, with exactly one role."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models

from lucid_payments.accounts import roles
from lucid_payments.accounts.roles import Role


class User(AbstractUser):
    """A person or machine. `is_staff` follows the role: whoever works in the back office is staff."""

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.END_USER)
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_is_known"),
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

    def may(self, permission: str) -> bool:
        return self.is_active and permission in self.permissions
