"""The acts with a page of their own, in the order in which the case page offers them."""

from __future__ import annotations

from typing import Final

from kyc.desk.acts import deciding, enduring, taking
from kyc.desk.acts.base import RecordAct
from kyc.review.policy import Act
from lucid_payments.backoffice import acts

ALL: Final[tuple[type[RecordAct], ...]] = (
    deciding.Approve,
    deciding.Ask,
    deciding.Reject,
    deciding.Confirm,
    deciding.SendBack,
    enduring.Suspend,
    enduring.Reinstate,
    enduring.Revoke,
    taking.Snooze,
    taking.Escalate,
    taking.Steal,
    taking.Reassign,
)
OFFERED: Final[dict[Act, str]] = {act.review: act.kind for act in ALL}

for _act in ALL:
    acts.register(_act())
