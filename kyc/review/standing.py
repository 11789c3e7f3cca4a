"""What an operator's records say of the operator: the columns that eligibility reads."""

from __future__ import annotations

from django.db.models import Case, IntegerField, Value, When

from kyc.models import KycRecord, NodeOperator
from kyc.models.records import STANDING


def mirror(record: KycRecord) -> None:
    """Write the operator's status and hash, in the transaction that changed this record.

    What stands counts, whatever is being reviewed beside it; before anything was approved, the newest record.
    """
    stands = Case(
        When(state__in=STANDING, replaced_by=None, then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    counts = KycRecord.objects.filter(operator_id=record.operator_id).order_by(stands.desc(), "-number")[0]
    NodeOperator.objects.filter(pk=record.operator_id).update(status=counts.state, kyc_hash=counts.kyc_hash)
