"""The names of the routers, and of the batches they take."""

from __future__ import annotations

from typing import Final

from django.db import models


class RouterType(models.TextChoices):
    V0 = "PayoutRouterV0", "PayoutRouterV0"
    KYC = "PayoutRouterKYC", "PayoutRouterKYC"


BATCH_TYPES: Final = ("IMMEDIATE", "HOURLY", "DAILY", "WEEKLY")
