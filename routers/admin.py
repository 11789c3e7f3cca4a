"""What the limits have left, and the kill switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.backoffice import banners, charts, formats, overview
from lucid_payments.backoffice.banners import Banner, Level
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from routers import limits
from routers.choices import RouterType
from routers.models import KillSwitch, LimitWindow, WindowPeriod, WindowScope

_SCOPES = {"": "All payouts", RouterType.V0.value: "Router V0", RouterType.KYC.value: "Router KYC"}
_PERIODS: dict[str, str] = {WindowPeriod.HOUR.value: "Hour", WindowPeriod.DAY.value: "Day"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A window of now, with its drawing; amounts in base units."""

    name: str
    window: LimitWindow

    @property
    def cap(self) -> int:
        return self.window.cap + self.window.waived

    @property
    def free(self) -> int:
        return self.window.free

    @property
    def parts(self) -> list[charts.Part]:
        amounts = [("posted", self.window.posted), ("reserved", self.window.reserved)]
        return charts.stacked(amounts, self.cap)


def bars(scopes: tuple[str, ...] = tuple(_SCOPES)) -> list[Bar]:
    """The windows of this hour and this day, for all payouts and for each router."""
    found = {(slot.key, slot.period): window for slot, window in limits.room(clock.now()).windows.items()}
    return [
        Bar(f"{_SCOPES[scope]}, this {_PERIODS[period].lower()}", found[scope, period])
        for scope in scopes
        for period in _PERIODS
    ]


def kill_switch() -> KillSwitch | None:
    return KillSwitch.objects.filter(pk=1).first()


@banners.register
def _kill_switch_banner() -> Iterator[Banner]:
    switch = kill_switch()
    if switch is not None and switch.pulled:
        text = f"Nothing is signed or sent. Pulled by {switch.actor_label}: {switch.reason}"
        yield Banner(Level.STOPPED, "Kill switch pulled", text)


class PeriodFilter(ChoiceFilter):
    title = "Period"
    parameters = ("period",)
    options = list(_PERIODS.items())


class ScopeFilter(ChoiceFilter):
    title = "For"
    parameters = ("for",)
    options = [
        (WindowScope.GLOBAL.value, "All payouts"),
        *((router, _SCOPES[router]) for router in RouterType),
    ]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(key="" if value == WindowScope.GLOBAL else value)


class StartFilter(DaysFilter):
    title = "Starts"
    column = "starts_at"


@admin.register(LimitWindow, site=site)
class LimitWindowAdmin(RecordAdmin):
    area = Area.LIMITS
    title = "Limits"
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

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"bars": bars(), "kill_switch": kill_switch(), **(extra_context or {})}
        return super().changelist_view(request, context)

    @admin.display(description="For")
    def for_shown(self, window: LimitWindow) -> str:
        return _SCOPES.get(window.key, window.key)

    @admin.display(description="Period")
    def period_shown(self, window: LimitWindow) -> str:
        return _PERIODS[window.period]

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
    return {"bars": bars(("",)), "kill_switch": kill_switch()}


overview.register(overview.Panel(Area.LIMITS, "admin/overview/limits.html", _panel, place=20))
