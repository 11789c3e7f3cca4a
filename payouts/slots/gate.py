"""The gate that a slot is, for whoever looks for payouts that may go."""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from payouts.models.distribution import RunState
from payouts.models.slot import SlotState

# What has a slot goes while that is open: not before, and not while people have stopped it. What is of a monthly run
# doesn't while that is paused.
MAY_GO: Final = (Q(slot=None) | Q(slot__state=SlotState.RELEASING)) & ~Q(
    chunk__entitlement__run__state=RunState.PAUSED
)
