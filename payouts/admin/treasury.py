"""The treasury: what it holds, for how long that lasts, what payouts cost, and how it is topped up."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any, Final

import segno
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from lucid_payments import clock
from lucid_payments.backoffice import overview, policy, sessions
from lucid_payments.backoffice.formats import Tone, usdt
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import READING, RecordAdmin
from lucid_payments.backoffice.site import site
from payouts import ledger, runway, treasury_keys
from payouts.admin import sweeps
from payouts.admin.chain import FRESH, freshness
from payouts.explained import by_books
from payouts.ledger import Balance
from payouts.models import ChainState, LedgerAccount, LedgerTransfer, Treasury
from payouts.runway import Runway
from payouts.sweeps import compromised, outstanding
from payouts.tron.networks import NETWORKS

LATEST: Final = 5
_NOW: Final = "admin/payouts/treasury_now.html"


@admin.register(Treasury, site=site)
class TreasuryAdmin(RecordAdmin):
    area = Area.TREASURY
    title = "Treasury"
    group = Group.MONEY
    place = 25

    def get_urls(self) -> list[URLPattern]:
        views = {"now/": self.now_view, "address.svg": self.address_view}
        names = {"now/": "now", "address.svg": "address"}
        inside = [
            path(where, self.admin_site.admin_view(view), name=self._name(names[where]))
            for where, view in views.items()
        ]
        return [*inside, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The one row's page stands where other rows have their list."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        context = {
            **self.admin_site.each_context(request),
            "title": self.title,
            "now": facts(request.user),
            "now_url": reverse("admin:payouts_treasury_now"),
        }
        return TemplateResponse(request, "admin/payouts/treasury.html", context)

    @sessions.by_itself
    def now_view(self, request: HttpRequest) -> HttpResponse:
        """All of the page but its frame, which a page that stands open asks for every 10 seconds."""
        refusal = self._refusal(request)
        return refusal or TemplateResponse(request, _NOW, {"now": facts(request.user)})

    @sessions.by_itself
    def address_view(self, request: HttpRequest) -> HttpResponse:
        """The deposit address as a QR code, in the form that wallets read: the address alone."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        address = _address()
        if not address or outstanding.is_to_stay_empty(address):
            raise Http404("there is no address to pay to")
        out = io.BytesIO()
        segno.make(address, error="m").save(out, kind="svg", scale=6, border=4, light="#fff", xmldecl=False)
        return HttpResponse(out.getvalue(), content_type="image/svg+xml")

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        """What answers a request that isn't for reading; raises PermissionDenied for who may not."""
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        if not self.has_view_permission(request):
            raise PermissionDenied
        return None


def _address() -> str:
    """Where a top-up goes; none where this process doesn't know the key that pays: no address is taken from a table."""
    address = treasury_keys.current()
    return address if address in treasury_keys.configured() else ""


def facts(user: Any) -> dict[str, Any]:
    """All of the page that changes, for `user`; some fifteen look-ups by index, however many payouts there are."""
    found = summary()
    books: Balance = found["books"]
    may_read_ledger = policy.may_read(user, Area.LEDGER)
    address = _address()
    return {
        **found,
        "address": address,
        "network": settings.TRON_NETWORK,
        "explorer": NETWORKS[settings.TRON_NETWORK].address_url(address),
        "sweeps": sweeps.under_way(),
        "difference": _difference(found["chain"], books),
        "costs": [
            (words, spent, runway.cost_of(spent, over))
            for words, spent, over in (
                ("Last 24 hours", found["runway"].day, runway.DAY),
                ("Last 7 days", found["runway"].week, runway.WEEK),
            )
        ],
        "hot_limit": runway.hot_limit(),
        "too_hot": "" if found["stays_empty"] else runway.too_hot(found["chain"].treasury_usdt),
        "accounts": [_account(name) for name in (ledger.DEPOSITS, ledger.SUSPENSE)]
        if may_read_ledger
        else [],
        "why_no_accounts": may_read_ledger.reason,
    }


def summary() -> dict[str, Any]:
    """What the first page says of the treasury, too."""
    now = clock.now()
    state, books = ChainState.objects.get(pk=1), ledger.treasury_balance()
    left = Runway.of(state, books, now)
    paying = treasury_keys.current()
    known = compromised.known(paying)
    stays_empty = known is not None or outstanding.is_open(paying)
    return {
        "paying": paying,
        "known": known,
        "stays_empty": stays_empty,
        "at": now,
        "chain": state,
        "books": books,
        "read": freshness(state.treasury_read_at, now, FRESH),
        "runway": left,
        "lasts": _lasts(left.hours),
        "usdt_lasts": _lasts(left.usdt_hours),
        "trx_lasts": _lasts(left.trx_hours),
        "state": _state(state, left, is_known=known is not None, stays_empty=stays_empty),
        "too_low": "" if stays_empty else runway.too_low(left),
        "alarm_hours": settings.RUNWAY_ALARM_HOURS,
    }


def _state(state: ChainState, left: Runway, *, is_known: bool, stays_empty: bool) -> tuple[str, Tone]:
    """Of a key that nobody should top up, why; else how long it lasts."""
    if is_known:
        return "Known to others", Tone.BAD
    if stays_empty:
        return "Being swept", Tone.MOVING
    if state.treasury_read_at is None:
        return "Not read yet", Tone.BAD
    if left.hours is None:
        return "Unknown", Tone.QUIET
    return ("Low", Tone.BAD) if left.is_low else ("Enough", Tone.GOOD)


def _lasts(hours: int | None) -> str:
    """Hours, and days beside them once they are many."""
    if hours is None:
        return ""
    days = timedelta(hours=hours).days
    return f"{hours:,} h" + (f" ({days:,} days)" if days >= 2 else "")


def _difference(state: ChainState, books: Balance) -> tuple[str, Tone, str]:
    """The chain's balance less the books': figure, tone, and the sentence that explains it."""
    if state.treasury_read_at is None:
        return "Unknown", Tone.QUIET, "The chain hasn't been read yet."
    units = state.treasury_usdt + state.older_usdt - books.posted
    if units == 0:
        return "None", Tone.GOOD, "Chain and books say the same."
    if units > 0:
        return (
            f"+{usdt(units)} USDT",
            Tone.WAITING,
            f"More on the chain than in the books: {usdt(state.inflow)} USDT of it is seen and not booked yet.",
        )
    leaving = books.posted - by_books().least
    if -units <= leaving:
        return (
            f"\N{MINUS SIGN}{usdt(-units)} USDT",
            Tone.MOVING,
            f"{usdt(leaving)} USDT are signed and not final yet, or wait for people to decide.",
        )
    return (
        f"\N{MINUS SIGN}{usdt(-units)} USDT",
        Tone.BAD,
        f"Only {usdt(leaving)} USDT of it are on their way. "
        + (state.statement_detail or "It is being looked at."),
    )


def _account(name: str) -> dict[str, Any]:
    """A ledger account with its latest rows. What came into the treasury stands among its credits."""
    account = LedgerAccount.objects.get(name=name)
    sides = [
        LedgerTransfer.objects.filter(**{side: account})
        .select_related("debit", "credit")
        .order_by("-pk")[:LATEST]
        for side in ("debit", "credit")
    ]
    rows = sorted((row for side in sides for row in side), key=lambda row: -row.pk)[:LATEST]
    return {
        "name": name,
        "in": account.credits_posted,
        "out": account.debits_posted,
        "rows": rows,
        "url": f"{reverse('admin:payouts_ledgertransfer_changelist')}?account={name}",
    }


overview.register(overview.Panel(Area.TREASURY, "admin/overview/treasury.html", summary, place=25))
