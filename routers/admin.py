"""Limits and breakers: what the limits have left, what stands in a payout's way, and the acts that move it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, Case, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts, banners, formats, overview, sessions
from lucid_payments.backoffice.banners import Banner, Level
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import READING, RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.money import format_usdt
from routers import now, policy_admin  # noqa: F401 - which registers its own page
from routers.acts import words
from routers.acts.break_glass import REVIEW, window_words
from routers.breakers import all_breakers
from routers.choices import RouterType
from routers.limits import break_glass
from routers.models import GLOBAL, BreakerState, KillSwitch, LimitWindow, WindowPeriod, WindowScope

_TO_PAGE: Final = "See limits and breakers"


@banners.register
def _kill_switch_banners() -> Iterator[Banner]:
    for switch in KillSwitch.objects.filter(pulled=True):
        by = f"Pulled by {switch.actor_label}: {switch.reason}"
        if switch.scope == GLOBAL:
            title, text = "Kill switch pulled", f"Nothing is signed or sent. {by}"
        else:
            title = f"Kill switch of {words.ROUTERS[switch.scope]} pulled"
            text = f"Nothing of this router is signed or sent. {by}"
        yield Banner(Level.STOPPED, title, text, words.page_url(), _TO_PAGE)


@banners.register
def _breaker_banners() -> Iterator[Banner]:
    for scope, row in all_breakers().items():
        if row.state != BreakerState.CLOSED:
            title = f"Breaker of {words.ROUTERS[scope]} {row.get_state_display().lower()}"
            level = Level.STOPPED if row.state == BreakerState.OPEN else Level.WARNING
            yield Banner(level, title, row.detail, words.page_url(), _TO_PAGE)


@banners.register
def _break_glass_banners() -> Iterator[Banner]:
    now = clock.now()
    for row in break_glass.lasting(now):
        text = (
            f"{row.actor_label} alone let {format_usdt(row.amount)} USDT through on top: {window_words(row)}, until "
            f"{row.ends_at:%H:%M} UTC. {row.reason}"
        )
        yield Banner(Level.WARNING, "Break-glass in use", text, words.page_url(), _TO_PAGE)
    for row in break_glass.unreviewed().filter(ends_at__lte=now):
        text = (
            f"{window_words(row)}, by {row.actor_label}: another administrator says whether it was justified, by "
            f"{row.review_due:%Y-%m-%d %H:%M} UTC."
        )
        overdue = row.review_due < now
        level = Level.STOPPED if overdue else Level.WARNING
        title = "Break-glass review overdue" if overdue else "Break-glass waits for its review"
        yield Banner(level, title, text, acts.url(REVIEW.kind, row.pk), "Review it")


class PeriodFilter(ChoiceFilter):
    title = "Period"
    parameters = ("period",)
    options = [(period.value, period.label) for period in reversed(WindowPeriod)]


class ScopeFilter(ChoiceFilter):
    title = "For"
    parameters = ("for",)
    options = [
        (WindowScope.GLOBAL.value, "All payouts"),
        *((router, words.ROUTERS[router]) for router in RouterType),
        (WindowScope.RECIPIENT.value, "One recipient"),
        (WindowScope.CREATOR.value, "One creator"),
        (WindowScope.SUBJECT.value, "One node, attested"),
    ]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value in (WindowScope.RECIPIENT, WindowScope.CREATOR, WindowScope.SUBJECT):
            return queryset.filter(scope=value)
        return queryset.filter(key="" if value == WindowScope.GLOBAL else value)


class StartFilter(DaysFilter):
    title = "Starts"
    column = "starts_at"


@admin.register(LimitWindow, site=site)
class LimitWindowAdmin(RecordAdmin):
    area = Area.LIMITS
    title = "Limits and breakers"
    group = Group.LIMITS
    place = 20
    about = (
        "An amount is reserved in each of its windows when a payout is released, posted when it is "
        "confirmed, and given back when its attempt can't pay. A new hour or day (UTC) starts empty."
    )
    change_list_template = "admin/routers/limits.html"
    list_display = (
        "for_shown", "period_shown", "starts_shown", "cap_shown", "posted_shown", "reserved_shown",
        "free_shown",
    )  # fmt: skip
    list_filter = (ScopeFilter, PeriodFilter, StartFilter)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LimitWindow]:
        """With the name of the account that a creator's window is of."""
        creator = User.objects.filter(pk=Cast(OuterRef("key"), BigIntegerField())).values("username")
        name = Case(When(scope=WindowScope.CREATOR, then=Subquery(creator)), default=Value(""))
        rows: QuerySet[LimitWindow] = super().get_queryset(request).annotate(creator_name=name)
        return rows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "now": now.build(request.user),
            "now_url": reverse("admin:routers_limitwindow_now"),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.now_view)
        return [path("now/", view, name=self._name("now")), *super().get_urls()]

    @sessions.by_itself
    def now_view(self, request: HttpRequest) -> HttpResponse:
        """The page's upper part alone, which a page that stands open asks for every 10 seconds."""
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        if not self.has_view_permission(request):
            raise PermissionDenied
        return TemplateResponse(request, "admin/routers/now.html", {"now": now.build(request.user)})

    @admin.display(description="For")
    def for_shown(self, window: LimitWindow) -> str:
        """A recipient's window is keyed by router and address, a creator's by the account's number."""
        if window.scope == WindowScope.CREATOR:
            name = getattr(window, "creator_name", "")
            return f"Created by {name}" if name else f"Created by account no. {window.key}"
        if window.scope == WindowScope.SUBJECT:
            return f"Node {window.key}, attested"
        if window.scope == WindowScope.RECIPIENT:
            router, address = window.key.split()
            return f"{words.SCOPES[router]}, to {address}"
        return words.SCOPES[window.key or GLOBAL]

    @admin.display(description="Period")
    def period_shown(self, window: LimitWindow) -> str:
        return window.get_period_display()

    @admin.display(description="Starts (UTC)")
    def starts_shown(self, window: LimitWindow) -> SafeString | str:
        return formats.moment(window.starts_at)

    @admin.display(description="Cap")
    def cap_shown(self, window: LimitWindow) -> str:
        return formats.usdt(window.cap + window.waived)

    @admin.display(description="Posted")
    def posted_shown(self, window: LimitWindow) -> str:
        return formats.usdt(window.posted)

    @admin.display(description="Reserved")
    def reserved_shown(self, window: LimitWindow) -> str:
        return formats.usdt(window.reserved)

    @admin.display(description="Free")
    def free_shown(self, window: LimitWindow) -> str:
        return formats.usdt(window.free)


def _panel() -> dict[str, Any]:
    return {"bars": now.bars((GLOBAL,)), "kill_switch": now.kill_switch()}


overview.register(overview.Panel(Area.LIMITS, "admin/overview/limits.html", _panel, place=20))
