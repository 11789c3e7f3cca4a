"""Sweeps: what was or is being sent to a key's destination, transfer by transfer. Begun by `manage.py treasury`."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.models.ledger import Currency
from payouts.models.sweep import Sweep, SweepCause, SweepState, SweepTransfer, TransferState
from payouts.sweeps import compromised
from payouts.tron.networks import NETWORKS

WORDS: Final = {
    TransferState.PREPARED: ("To be signed", Tone.WAITING),
    TransferState.SIGNED: ("Signed", Tone.MOVING),
    TransferState.SENT: ("Sent, not final yet", Tone.MOVING),
    TransferState.SUCCEEDED: ("Arrived", Tone.GOOD),
    TransferState.REVERTED: ("Failed in its block", Tone.BAD),
    TransferState.DEAD: ("Never landed", Tone.QUIET),
}


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in SweepState]


@admin.register(Sweep, site=site)
class SweepAdmin(RecordAdmin):
    area = Area.TREASURY
    title = "Sweeps"
    group = Group.MONEY
    place = 27
    about = (
        "All that a treasury key holds, sent to the one destination that was fixed for the key on the signer's"
        " machine. Caps and kill switches don't stop it. People begin one there: manage.py treasury sweep."
    )
    page_template = "admin/payouts/sweep.html"
    list_display = (
        "number_shown",
        "state_shown",
        "address_shown",
        "destination_shown",
        "begun_shown",
        "cause_shown",
    )
    list_filter = (StateFilter,)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        transfers = list(row.transfers.order_by("pk"))
        return {
            "title": f"Sweep {row.pk}",
            "known": compromised.known(row.address),
            "badge": badge_of(row),
            "transfers": [_shown(transfer) for transfer in transfers],
            "arrived": [
                (currency.value, _arrived(transfers, currency))
                for currency in Currency
                if _arrived(transfers, currency)
            ],
            "fees": sum(transfer.fee or 0 for transfer in transfers),
        }

    @admin.display(description="Sweep")
    def number_shown(self, row: Sweep) -> str:
        return str(row.pk)

    @admin.display(description="State")
    def state_shown(self, row: Sweep) -> SafeString:
        return badge_of(row)

    @admin.display(description="Key")
    def address_shown(self, row: Sweep) -> SafeString | str:
        return formats.code(row.address)

    @admin.display(description="Destination")
    def destination_shown(self, row: Sweep) -> SafeString | str:
        return formats.code(row.destination)

    @admin.display(description="Begun (UTC)")
    def begun_shown(self, row: Sweep) -> SafeString | str:
        return formats.moment(row.begun_at)

    @admin.display(description="Why")
    def cause_shown(self, row: Sweep) -> SafeString:
        known = row.cause != SweepCause.COMPROMISE and compromised.known(row.address) is not None
        since = "; the key may be known to others" if known else ""
        return format_html("{} ({}){}", row.get_cause_display(), row.begun_by, since)


def badge_of(row: Sweep) -> SafeString:
    if row.state == SweepState.DONE:
        return formats.badge("Done", Tone.GOOD)
    return formats.badge("Under way", Tone.MOVING)


def under_way() -> list[tuple[Sweep, str]]:
    """The sweeps that are open, with their pages: for the treasury's own page."""
    rows = Sweep.objects.filter(state=SweepState.OPEN).order_by("pk")
    return [(row, reverse("admin:payouts_sweep_change", args=[row.pk])) for row in rows]


def _shown(transfer: SweepTransfer) -> dict[str, Any]:
    words, tone = WORDS[TransferState(transfer.state)]
    if transfer.refusal:
        words, tone = "Refused by the signer", Tone.BAD
    return {
        "row": transfer,
        "badge": formats.badge(words, tone),
        "url": NETWORKS[settings.TRON_NETWORK].transaction_url(transfer.txid),
        "expires_at": clock.from_ms(transfer.expiration_ms),
    }


def _arrived(transfers: list[SweepTransfer], currency: Currency) -> int:
    return sum(
        transfer.amount
        for transfer in transfers
        if transfer.currency == currency and transfer.state == TransferState.SUCCEEDED
    )
