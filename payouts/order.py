"""What a caller asks for, before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from payouts.models.payout import BatchType, OnLimit, Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutOrder:
    """What a caller asks for; `amount` in base units. The API has checked form and lengths, this room checks sense."""

    recipient_address: str
    amount: int
    reason: str
    router_type: str | None = None
    priority: int = Priority.NORMAL
    batch_type: str = BatchType.IMMEDIATE
    session_id: str | None = None
    node_id: str | None = None
    custom_data: dict[str, Any] | None = None
    reference_id: str | None = None
    retry_of: str | None = None
    on_limit: str = OnLimit.HOLD
