"""The back office's people: who works here, since when, by whose word; and the review of their access."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts import attempts, recovery
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import BACK_OFFICE, Duty, Role
from lucid_payments.accounts.staff_acts import CREATE, ON_A_PERSON, duties_of
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import READING, RecordAdmin
from lucid_payments.backoffice.site import site

STALE_AFTER: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class State:
    words: str
    tone: Tone


def state_of(user: User, has_factor: bool) -> State:
    """What a reviewer must see of an account at a glance."""
    if not user.is_active:
        return State("Deactivated", Tone.QUIET)
    if user.password_owed_by_id is not None:
        return State("Waits for its one-time password", Tone.WAITING)
    if user.must_change_password or not has_factor:
        return State("Not set up yet", Tone.WAITING)
    if is_stale(user):
        return State("Unused for 90 days", Tone.BAD)
    return State("Active", Tone.GOOD)


def is_stale(user: User) -> bool:
    """Active, and nobody has logged in for 90 days."""
    return user.is_active and timezone.now() - (user.last_login or user.date_joined) > STALE_AFTER


class RoleFilter(ChoiceFilter):
    title = "Role"
    parameters = ("role",)
    options = [(role.value, role.label) for role in sorted(BACK_OFFICE)]


class DutyFilter(ChoiceFilter):
    title = "Duty"
    parameters = ("duty",)
    options = [(duty.value, duty.label) for duty in Duty]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(duties__contains=[value])


class StateFilter(ChoiceFilter):
    title = "Review"
    parameters = ("review",)
    options = [("stale", "Unused for 90 days"), ("factorless", "No second factor"), ("closed", "Deactivated")]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "closed":
            return queryset.filter(is_active=False)
        active = queryset.filter(is_active=True)
        if value == "factorless":
            return active.filter(has_factor=False)
        before = timezone.now() - STALE_AFTER
        return active.filter(last_login__lt=before) | active.filter(last_login=None, date_joined__lt=before)


@admin.register(User, site=site)
class PersonAdmin(RecordAdmin):
    area = Area.PEOPLE
    title = "People"
    group = Group.PEOPLE
    place = 90
    about = (
        "Everybody who works in the back office, with what a review of access asks. Accounts are created, given "
        "another role or duty and opened again by two administrators; one alone can deactivate at once."
    )
    search_for = "User name, in full"
    search_fields = ("username",)
    page_key = "public_id"
    page_template = "admin/accounts/person.html"
    change_list_template = "admin/accounts/people.html"
    list_filter = (RoleFilter, DutyFilter, StateFilter)
    list_display = (
        "name_shown", "role_shown", "duties_shown", "state_shown", "login_shown", "factor_shown", "created_shown",
        "confirmed_shown",
    )  # fmt: skip
    list_select_related = ("created_by", "confirmed_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        rows: QuerySet[Any] = super().get_queryset(request).filter(role__in=BACK_OFFICE)
        rows = rows.annotate(has_factor=Exists(devices)).select_related("password_owed_by")
        return rows

    def get_urls(self) -> list[URLPattern]:
        sheet = self.admin_site.admin_view(self.first_login)
        return [path("<str:key>/first-login/", sheet, name=self._name("first_login")), *super().get_urls()]

    def first_login(self, request: HttpRequest, key: str) -> HttpResponse:
        """A sheet for a new person, to be printed: the way to their first page, without any secret."""
        if request.method not in READING:
            return HttpResponseNotAllowed(READING)
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self._row(request, key)
        context = {
            **self.admin_site.each_context(request),
            "title": f"First login of {row.get_username()}",
            "row": row,
            "back_url": self.url_of(row),
            # As whoever prints it came here: the installation has this one address for its staff.
            "address": request.build_absolute_uri(reverse("admin:index")),
            "by_onion": request.get_host().endswith(".onion"),
        }
        return TemplateResponse(request, "admin/accounts/first_login.html", context)

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(username=term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        create = acts.button(CREATE.kind, acts.NEW, request.user, None)
        return super().changelist_view(request, {"create": create, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "title": f"{row.get_username()}",
            "state": state_of(row, row.has_factor),
            "stale": is_stale(row),
            "failures": attempts.failures_of(row),
            "wait": attempts.longest_wait(row),
            "duties": duties_of(row) if row.role == Role.COMPLIANCE_OFFICER else "",
            "codes_left": recovery.left(row),
            "buttons": [acts.button(act.kind, row.public_id, request.user, row) for act in ON_A_PERSON],
            "audit_url": f"{reverse('admin:audit_auditentry_changelist')}?q={row.get_username()}",
        }

    @admin.display(description="User name")
    def name_shown(self, user: User) -> str:
        return user.get_username()

    @admin.display(description="Role")
    def role_shown(self, user: User) -> str:
        return user.get_role_display()

    @admin.display(description="Duties")
    def duties_shown(self, user: User) -> str:
        return duties_of(user) if user.duties else ""

    @admin.display(description="State")
    def state_shown(self, user: Any) -> SafeString:
        state = state_of(user, user.has_factor)
        return formats.badge(state.words, state.tone)

    @admin.display(description="Last login (UTC)")
    def login_shown(self, user: User) -> SafeString | str:
        return formats.moment(user.last_login) if user.last_login else "Never"

    @admin.display(description="Second factor")
    def factor_shown(self, user: Any) -> str:
        return "Enrolled" if user.has_factor else "None"

    @admin.display(description="Created by")
    def created_shown(self, user: User) -> str:
        return user.created_by.get_username() if user.created_by else "Installation"

    @admin.display(description="Confirmed by")
    def confirmed_shown(self, user: User) -> str:
        return user.confirmed_by.get_username() if user.confirmed_by else "Installation"
