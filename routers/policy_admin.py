"""Policies: what each router may pay, in versions; any two of them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Button
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from routers import ceilings, policy
from routers.acts import words
from routers.acts.policies import CHANGE
from routers.models import RouterPolicy, WindowPeriod
from routers.policy.words import Row, rows_of, side_by_side

# The address's parameter that names the version to compare with.
BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class InForce:
    """One scope's version in force, line by line, with the button that changes it."""

    name: str
    version: RouterPolicy
    url: str
    lines: list[tuple[Row, str]]
    button: Button


class ScopeFilter(ChoiceFilter):
    title = "For"
    parameters = ("scope",)
    options = list(words.SCOPES.items())


@admin.register(RouterPolicy, site=site)
class RouterPolicyAdmin(RecordAdmin):
    area = Area.LIMITS
    title = "Policies"
    group = Group.LIMITS
    place = 21
    about = (
        "Every version there was. Each is in force until the next one of its scope; none is ever changed or deleted, "
        "and a payout keeps the one it was judged by."
    )
    page_template = "admin/routers/policy.html"
    change_list_template = "admin/routers/policies.html"
    list_filter = (ScopeFilter,)
    list_display = (
        "name_shown",
        "since_shown",
        "changed_shown",
        "author_shown",
        "second_shown",
        "reason_shown",
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        in_force = policy.current()
        context = {
            "in_force": [self._in_force(request, in_force.of(scope)) for scope in words.SCOPES],
            "ceilings": _ceilings(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def page_context(self, request: HttpRequest, row: RouterPolicy) -> dict[str, Any]:
        versions = list(RouterPolicy.objects.filter(scope=row.scope).order_by("-version"))
        beside = _beside(request.GET.get(BESIDE), row, versions)
        in_force = versions[0]
        return {
            "title": f"{words.SCOPES[row.scope]}: version {row.version}",
            "until": next((one.created_at for one in reversed(versions) if one.version > row.version), None),
            "in_force": in_force,
            "beside": beside,
            "lines": [] if beside is None else side_by_side(beside, row),
            "alone": [(line, line.show(row)) for line in rows_of(row.scope)],
            "others": [version for version in versions if version != row],
            "button": acts.button(CHANGE.kind, row.scope, request.user, in_force),
        }

    def _in_force(self, request: HttpRequest, version: RouterPolicy | None) -> InForce:
        if version is None:
            raise Http404
        return InForce(
            words.SCOPES[version.scope],
            version,
            self.url_of(version),
            [(row, row.show(version)) for row in rows_of(version.scope)],
            acts.button(CHANGE.kind, version.scope, request.user, version),
        )

    @admin.display(description="Version")
    def name_shown(self, version: RouterPolicy) -> str:
        return f"{words.SCOPES[version.scope]}, version {version.version}"

    @admin.display(description="In force from (UTC)")
    def since_shown(self, version: RouterPolicy) -> SafeString | str:
        return formats.moment(version.created_at)

    @admin.display(description="Against the one before")
    def changed_shown(self, version: RouterPolicy) -> SafeString:
        if version.version == 1:
            return formats.badge("The first", Tone.QUIET)
        if version.loosens:
            return formats.badge("Loosens", Tone.WAITING)
        return formats.badge("Tightens", Tone.GOOD)

    @admin.display(description="By")
    def author_shown(self, version: RouterPolicy) -> str:
        return version.author_label

    @admin.display(description="Confirmed by")
    def second_shown(self, version: RouterPolicy) -> str:
        return version.second_label

    @admin.display(description="Reason")
    def reason_shown(self, version: RouterPolicy) -> str:
        return version.reason


def _beside(asked: str | None, row: RouterPolicy, versions: list[RouterPolicy]) -> RouterPolicy | None:
    """The version that was asked for, else the one before; None for the first. Raises Http404."""
    if asked is None:
        return next((one for one in versions if one.version < row.version), None)
    found = next((one for one in versions if str(one.version) == asked and one != row), None)
    if found is None:
        raise Http404
    return found


def _ceilings() -> list[tuple[str, str]]:
    periods = ((WindowPeriod.HOUR, "hour"), (WindowPeriod.DAY, "day"))
    return [(name, f"{formats.usdt(ceilings.ceiling(period))} USDT") for period, name in periods]
