"""What a confirmed screening hit does: whoever it is about is suspended at once."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from kyc.attestation import requesting
from kyc.models import EntryKind, KycRecord, NodeOperator, ScreeningCase
from kyc.models.records import VERIFIED
from kyc.review import enduring, screened
from kyc.review.errors import Conflict

CODE: Final = "screening_confirmed"


def suspend(case: ScreeningCase) -> None:
    """In the transaction that confirms it; an address is its node's operator's."""
    records = KycRecord.objects.filter(operator__in=_operators_of(case), state__in=VERIFIED, replaced_by=None)
    for record in records.order_by("pk"):
        # Whoever stands verified no more by the time of the lock needs no suspension, and the hit is confirmed.
        with suppress(Conflict):
            enduring.suspend(record, actor=None, code=CODE)


def _operators_of(case: ScreeningCase) -> Iterable[NodeOperator]:
    if case.kind == EntryKind.NAME:
        return NodeOperator.objects.filter(operator_id=case.subject.removeprefix(screened.OPERATOR))
    return NodeOperator.objects.filter(nodes__in=requesting.with_newest().filter(newest_wallet=case.subject))
