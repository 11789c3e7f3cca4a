"""Wallets as staff see them: whose, how proven, and from when they count."""

from __future__ import annotations

import re
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from kyc.models import Wallet
from kyc.wallets import acts as wallet_acts
from kyc.wallets.changing import Owner
from lucid_payments import clock
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.clock import LucidNow

_ADDRESS: Final = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}", re.ASCII)


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [("current", "Counts"), ("cooling", "Cooling off"), ("over", "Over")]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "over":
            return queryset.filter(ended_at__isnull=False)
        current = queryset.filter(ended_at=None)
        return current.filter(
            **({"counts_from__gt": LucidNow()} if value == "cooling" else {"counts_from__lte": LucidNow()})
        )


@admin.register(Wallet, site=site)
class WalletAdmin(RecordAdmin):
    area = Area.RECIPIENTS
    title = "Wallets"
    group = Group.PEOPLE
    place = 94
    about = (
        "The addresses that users and nodes are paid at: proven by a signed message or confirmed by two people. "
        "A new one voids the one before at once, and counts when its cooling-off time is over."
    )
    search_for = "Address, user name or node id, in full"
    search_fields = ("address",)
    page_template = "admin/kyc/wallet.html"
    change_list_template = "admin/kyc/wallets.html"
    list_display = (
        "number_shown",
        "owner_shown",
        "address_shown",
        "proof_shown",
        "state_shown",
        "from_shown",
    )
    list_filter = (StateFilter,)
    list_select_related = ("user", "node__operator__user", "added_by", "confirmed_by")

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        if _ADDRESS.fullmatch(term):
            return queryset.filter(address=term)
        return queryset.filter(Q(user__username=term) | Q(node__node_id=term))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        button = acts.button(wallet_acts.SET.kind, acts.NEW, request.user, None)
        return super().changelist_view(request, {"button": button, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        owner = Owner(row.user, row.node)
        others = Wallet.objects.filter(**owner.columns).exclude(pk=row.pk).order_by("-pk")
        return {
            "title": f"Wallet {row.pk} of {owner}",
            "owner": owner,
            "state": _state(row),
            "others": [(other, self.url_of(other), _state(other)) for other in others[:50]],
            "button": acts.button(wallet_acts.WITHDRAW.kind, row.pk, request.user, row),
        }

    @admin.display(description="Number")
    def number_shown(self, wallet: Wallet) -> str:
        return str(wallet.pk)

    @admin.display(description="Owner")
    def owner_shown(self, wallet: Wallet) -> str:
        return str(Owner(wallet.user, wallet.node))

    @admin.display(description="Address")
    def address_shown(self, wallet: Wallet) -> SafeString | str:
        return formats.code(wallet.address)

    @admin.display(description="Proven by")
    def proof_shown(self, wallet: Wallet) -> str:
        return wallet.get_proof_display()

    @admin.display(description="State")
    def state_shown(self, wallet: Wallet) -> SafeString:
        return _state(wallet)

    @admin.display(description="Counts from (UTC)")
    def from_shown(self, wallet: Wallet) -> SafeString | str:
        return formats.moment(wallet.counts_from)


def _state(wallet: Wallet) -> SafeString:
    if wallet.ended_at is not None:
        return formats.badge(wallet.get_end_display(), Tone.QUIET)
    if wallet.counts(clock.now()):
        return formats.badge("Counts", Tone.GOOD)
    return formats.badge("Cooling off", Tone.WAITING)
