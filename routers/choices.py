"""The names of the routers."""

from __future__ import annotations

from django.db import models


class RouterType(models.TextChoices):
    V0 = "PayoutRouterV0", "PayoutRouterV0"
    KYC = "PayoutRouterKYC", "PayoutRouterKYC"
