"""API clients: who calls, under which terms, with which keys."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from lucid_payments.accounts import clients
from lucid_payments.accounts.client_acts import CREATE, ON_A_CLIENT, ON_A_KEY
from lucid_payments.accounts.models import Client, MachineKey
from lucid_payments.accounts.roles import CLIENTS
from lucid_payments.api import limit_acts
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site


class ClientRoleFilter(ChoiceFilter):
    title = "Role"
    parameters = ("role",)
    options = [(role.value, role.label) for role in sorted(CLIENTS)]


@admin.register(Client, site=site)
class ClientAdmin(RecordAdmin):
    area = Area.PEOPLE
    title = "API clients"
    group = Group.PEOPLE
    place = 91
    about = (
        "Accounts that call the API. Machines come with keys: two people agree on one, its secret is shown once, and "
        "one person can revoke it at once."
    )
    search_for = "Client name, in full"
    search_fields = ("username",)
    page_key = "public_id"
    page_template = "admin/accounts/client.html"
    change_list_template = "admin/accounts/people.html"
    list_filter = (ClientRoleFilter,)
    list_display = ("name_shown", "role_shown", "state_shown", "keys_shown", "used_shown", "factor_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        live = Q(machine_keys__revoked_at=None, machine_keys__expires_at__gt=timezone.now())
        rows: QuerySet[Any] = super().get_queryset(request).filter(role__in=CLIENTS)
        counted: QuerySet[Any] = rows.annotate(
            live_keys=Count("machine_keys", filter=live), used_at=Max("machine_keys__last_used_at")
        )
        return counted

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(username=term)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        create = acts.button(CREATE.kind, acts.NEW, request.user, None)
        return super().changelist_view(request, {"create": create, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        keys = MachineKey.objects.filter(user=row).select_related("user", "created_by", "confirmed_by")
        return {
            "title": row.get_username(),
            "state": _state(row),
            "terms": {**clients.terms_in_words(row), **limit_acts.in_words(row)},
            "buttons": [acts.button(act.kind, row.public_id, request.user, row) for act in ON_A_CLIENT],
            "keys": [
                {
                    "row": key,
                    "state": _key_state(key),
                    "buttons": [acts.button(act.kind, key.public_id, request.user, key) for act in ON_A_KEY],
                }
                for key in keys.order_by("-created_at")
            ],
            "audit_url": f"{reverse('admin:audit_auditentry_changelist')}?q={row.get_username()}",
        }

    @admin.display(description="Client")
    def name_shown(self, client: Client) -> str:
        return client.get_username()

    @admin.display(description="Role")
    def role_shown(self, client: Client) -> str:
        return client.get_role_display()

    @admin.display(description="State")
    def state_shown(self, client: Client) -> SafeString:
        words, tone = _state(client)
        return formats.badge(words, tone)

    @admin.display(description="Keys that work")
    def keys_shown(self, client: Any) -> int:
        return int(client.live_keys)

    @admin.display(description="Key last used (UTC)")
    def used_shown(self, client: Any) -> SafeString | str:
        return formats.moment(client.used_at) if client.used_at else "Never"

    @admin.display(description="Requests, times the usual")
    def factor_shown(self, client: Client) -> int:
        return client.rate_factor


def _state(client: Client) -> tuple[str, Tone]:
    return ("Active", Tone.GOOD) if client.is_active else ("Closed", Tone.QUIET)


def _key_state(key: MachineKey) -> tuple[str, Tone]:
    if key.revoked_at is not None:
        return "Revoked", Tone.QUIET
    if key.expires_at <= timezone.now():
        return "Expired", Tone.QUIET
    if key.digest is None:
        return "Waits for its secret", Tone.WAITING
    return "Works", Tone.GOOD
