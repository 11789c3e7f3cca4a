"""What the signer said of its own caps, for the pages that show them."""

from __future__ import annotations

from payouts.models.chain import SignerState
from routers.models import WindowPeriod


def told() -> dict[str, int]:
    """Base units by period, as of the signer's latest round; nothing before its first."""
    row = SignerState.objects.filter(pk=1).first()
    if row is None:
        return {}
    caps = {WindowPeriod.HOUR.value: row.hourly_cap, WindowPeriod.DAY.value: row.daily_cap}
    return {period: cap for period, cap in caps.items() if cap is not None}
