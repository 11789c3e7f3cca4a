"""What every list of records has in common: how a record is named, found and addressed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from kyc.models import KycRecord
from kyc.review import finding
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin


class RecordPages(RecordAdmin):
    """Records by their public id, with what every page of one reads. Nothing of the person shows in a list."""

    area = Area.KYC
    page_key = "public_id"
    search_fields = ("public_id",)
    search_for = "A record's id, an operator's or a node's, whole."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("operator__user", "owner", "subject")

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(finding.named(term))

    @admin.display(description="Record")
    def record_shown(self, row: KycRecord) -> SafeString | str:
        return formats.code(row.public_id)

    @admin.display(description="Operator")
    def operator_shown(self, row: KycRecord) -> str:
        return f"{row.operator.operator_id}, application {row.number}"
