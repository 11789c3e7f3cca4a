"""The books: accounts with their running totals, and every transfer between them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments.backoffice import formats
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts import ledger
from payouts.models import Attempt, LedgerAccount, LedgerTransfer
from payouts.models.ledger import TransferKind

_TXID_LENGTH = 64


class KindFilter(ChoiceFilter):
    title = "Kind"
    parameters = ("kind",)
    options = [(kind.value, kind.label) for kind in TransferKind]


class AccountFilter(ChoiceFilter):
    title = "Account"
    parameters = ("account",)
    options = [(name, name) for name in ledger.ACCOUNTS]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(debit__name=value) | queryset.filter(credit__name=value)


class WhenFilter(DaysFilter):
    title = "When"
    column = "at"


@admin.register(LedgerAccount, site=site)
class LedgerAccountAdmin(RecordAdmin):
    area = Area.LEDGER
    title = "Ledger accounts"
    group = Group.MONEY
    place = 50
    about = "Running totals, kept in the transaction of each transfer. Balance: debits less credits."
    list_display = (
        "name", "currency_shown", "debits_shown", "credits_shown", "balance_shown", "pending_debits_shown",
        "pending_credits_shown",
    )  # fmt: skip

    @admin.display(description="Currency")
    def currency_shown(self, account: LedgerAccount) -> str:
        return account.currency

    @admin.display(description="Debits posted")
    def debits_shown(self, account: LedgerAccount) -> str:
        return formats.usdt(account.debits_posted)

    @admin.display(description="Credits posted")
    def credits_shown(self, account: LedgerAccount) -> str:
        return formats.usdt(account.credits_posted)

    @admin.display(description="Balance")
    def balance_shown(self, account: LedgerAccount) -> str:
        return formats.usdt(account.debits_posted - account.credits_posted)

    @admin.display(description="Debits pending")
    def pending_debits_shown(self, account: LedgerAccount) -> str:
        return formats.usdt(account.debits_pending)

    @admin.display(description="Credits pending")
    def pending_credits_shown(self, account: LedgerAccount) -> str:
        return formats.usdt(account.credits_pending)


@admin.register(LedgerTransfer, site=site)
class LedgerTransferAdmin(RecordAdmin):
    area = Area.LEDGER
    title = "Ledger transfers"
    group = Group.MONEY
    place = 60
    about = "Rows are never changed. A pending transfer is posted or voided by a row of its own, once."
    search_for = "Payout id or txid, in full"
    search_fields = ("payout__payout_id",)
    list_display = (
        "number_shown", "kind", "debit_shown", "credit_shown", "amount_shown", "payout_shown", "at_shown",
        "note",
    )  # fmt: skip
    list_filter = (KindFilter, AccountFilter, WhenFilter)
    list_select_related = ("debit", "credit", "payout")

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        if len(term) == _TXID_LENGTH:
            # By the attempt's unique txid: the transfers' own column has no index.
            return queryset.filter(payout__in=Attempt.objects.filter(txid=term.lower()).values("payout"))
        return queryset.filter(payout__payout_id=term)

    @admin.display(description="Number")
    def number_shown(self, transfer: LedgerTransfer) -> str:
        return str(transfer.pk)

    @admin.display(description="Debit")
    def debit_shown(self, transfer: LedgerTransfer) -> str:
        return transfer.debit.name

    @admin.display(description="Credit")
    def credit_shown(self, transfer: LedgerTransfer) -> str:
        return transfer.credit.name

    @admin.display(description="Amount")
    def amount_shown(self, transfer: LedgerTransfer) -> SafeString:
        amount = formats.usdt(transfer.amount)
        return format_html('{} <span class="unit">{}</span>', amount, transfer.debit.currency)

    @admin.display(description="Payout")
    def payout_shown(self, transfer: LedgerTransfer) -> SafeString | str:
        if transfer.payout is None:
            return formats.NOTHING
        payout_id = transfer.payout.payout_id
        url = reverse("admin:payouts_payout_change", args=[payout_id])
        return format_html('<a href="{}"><code>{}</code></a>', url, payout_id)

    @admin.display(description="When (UTC)")
    def at_shown(self, transfer: LedgerTransfer) -> SafeString | str:
        return formats.moment(transfer.at)
