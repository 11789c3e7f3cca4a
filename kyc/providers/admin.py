"""What outside providers said, as it came."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from kyc.models import ProviderAnswer, ProviderKind
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site


class ProviderKindFilter(ChoiceFilter):
    title = "Kind"
    parameters = ("kind",)
    options = [(kind.value, kind.label) for kind in ProviderKind]


@admin.register(ProviderAnswer, site=site)
class ProviderAnswerAdmin(RecordAdmin):
    area = Area.KYC
    title = "Providers' answers"
    group = Group.COMPLIANCE
    place = 19
    about = (
        "What outside providers said of addresses, people and payouts; the newest answer about each counts. By default "
        "nobody is asked."
    )
    search_for = "Address, application or payout id, in full"
    search_fields = ("subject",)
    list_filter = (ProviderKindFilter,)
    list_display = (
        "subject_shown",
        "kind_shown",
        "clear_shown",
        "words_shown",
        "provider_shown",
        "asked_shown",
    )

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(kind__in=ProviderKind.values, subject=term)

    @admin.display(description="About")
    def subject_shown(self, answer: ProviderAnswer) -> SafeString | str:
        return formats.code(answer.subject)

    @admin.display(description="Kind")
    def kind_shown(self, answer: ProviderAnswer) -> str:
        return answer.get_kind_display()

    @admin.display(description="Answer")
    def clear_shown(self, answer: ProviderAnswer) -> SafeString:
        return formats.badge("Clear", Tone.GOOD) if answer.clear else formats.badge("Not clear", Tone.BAD)

    @admin.display(description="In words")
    def words_shown(self, answer: ProviderAnswer) -> str:
        return answer.words

    @admin.display(description="Provider")
    def provider_shown(self, answer: ProviderAnswer) -> str:
        return f"{answer.provider} {answer.reference}".strip()

    @admin.display(description="Asked (UTC)")
    def asked_shown(self, answer: ProviderAnswer) -> SafeString | str:
        return formats.moment(answer.asked_at)
