"""What an approval binds to: the hash of everything that its payouts are, and where they would be paid."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from payouts.models.approval import ApprovalRequest
from payouts.models.payout import Payout

# The database computes the same (`approval_content_hash`) and refuses an approval of anything else.
_KIND: Final = "lucid/approval/v1"


def content_hash(request: ApprovalRequest, waiting: Iterable[Payout]) -> str:
    """Of the payouts of `request` that wait, in the order of their keys: (payout id, recipient, amount, router,
    network, version) each, as 64 hexadecimal digits. Of a file's payouts, the file's own hash comes first.
    """
    lines = [
        f"{payout.payout_id} {payout.recipient_address} {payout.amount} {payout.router_type} {request.network}"
        f" {payout.version}"
        for payout in sorted(waiting, key=lambda payout: payout.pk)
    ]
    source = [f"source {request.source_hash}"] if request.source_hash else []
    return hashlib.sha256("\n".join([_KIND, *source, *lines]).encode()).hexdigest()
