"""What we know of the chain and of the signer: one page of the rows there is one of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse

from lucid_payments import clock
from lucid_payments.backoffice import overview
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import READING, RecordAdmin
from lucid_payments.backoffice.site import site
from payouts import gates, ledger, treasury_keys
from payouts.models import ChainState, SignerState
from payouts.tron.networks import NETWORKS

# As old as the gates let a reading be.
FRESH = timedelta(seconds=60)


@admin.register(ChainState, site=site)
class ChainStateAdmin(RecordAdmin):
    area = Area.CHAIN
    title = "Chain and signer"
    group = Group.MONEY
    place = 30

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The one row's page stands where other rows have their list."""
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "title": self.title, **facts()}
        return TemplateResponse(request, "admin/payouts/chain.html", context)


def facts() -> dict[str, Any]:
    """The chain as last read, the treasury there and in the books, and the signer."""
    now = clock.now()
    state, signer = ChainState.objects.get(pk=1), SignerState.objects.get(pk=1)
    books = ledger.treasury_balance()
    paying = treasury_keys.current()
    return {
        "network": settings.TRON_NETWORK,
        "treasury_address": paying,
        "treasury_url": NETWORKS[settings.TRON_NETWORK].address_url(paying),
        "chain": state,
        "signer": signer,
        "head_time": _from_ms(state.head_time_ms),
        "solid_time": _from_ms(state.solid_time_ms),
        "solid_lag": max(0, state.head_number - state.solid_number),
        "read": freshness(state.read_at, now, FRESH),
        "statement": freshness(state.statement_at, now, FRESH),
        "heartbeat": freshness(signer.heartbeat_at, now, gates.HEARTBEAT_FRESH),
        "signer_state": ("Locked", Tone.BAD) if signer.locked_reason else ("Not locked", Tone.GOOD),
        "locked_until": _from_ms(signer.locked_until_ms),
        "books": books,
    }


def freshness(at: datetime | None, now: datetime, longest: timedelta) -> dict[str, Any]:
    """How old a reading is, in words and tone."""
    if at is None:
        return {"at": None, "age": None, "words": "Never", "tone": Tone.BAD}
    fresh = now - at <= longest
    return {
        "at": at,
        "age": now - at,
        "words": "Fresh" if fresh else "Too old",
        "tone": Tone.GOOD if fresh else Tone.BAD,
    }


def _from_ms(milliseconds: int) -> datetime | None:
    return clock.from_ms(milliseconds) if milliseconds else None


overview.register(overview.Panel(Area.CHAIN, "admin/overview/chain.html", facts, place=30))
