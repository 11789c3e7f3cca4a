"""Reads of payouts that somebody else asked for: administrators read all, node operators what goes to their nodes."""

from __future__ import annotations

from collections.abc import Sequence

from lucid_payments.accounts.models import User
from lucid_payments.api import evidence
from payouts.models import Payout


def note(reader: User, payouts: Sequence[Payout]) -> None:
    """Tell the audit log of those that aren't the reader's own."""
    others = [payout for payout in payouts if payout.creator_id != reader.pk]
    if others:
        subject = others[0] if len(others) == 1 else None
        evidence.read(reader, "payout.read", [payout.payout_id for payout in others], subject)
