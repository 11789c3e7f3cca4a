"""What is held about people, record by record, and the acts that answer them. Nothing here says who they are."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse

from kyc.models import KycRecord, KycStep, PersonsData
from kyc.models.operators import OperatorStatus as State
from kyc.record_pages import RecordPages
from kyc.review import exporting, policy, reasons
from kyc.review.errors import ReviewError
from kyc.review.policy import Act
from kyc.rights.acts import ALL, NAME_NOBODY, LiftHold, Unrestrict
from kyc.vault import VaultError
from lucid_payments import clock
from lucid_payments.backoffice import acts, formats, handing_out
from lucid_payments.backoffice.handing_out import Asked, Handout, NothingToHandOut
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.site import site

MOST_LINES = 100


@admin.register(PersonsData, site=site)
class RightsPages(RecordPages):
    title = "Personal data"
    group = Group.COMPLIANCE
    place = 60
    about = "What is held about each operator, for how long, and what was done when they asked."
    page_template = "admin/kyc/rights.html"
    list_display = ("record_shown", "operator_shown", "state_shown", "kept_shown", "standing_shown")
    list_select_related = ("operator",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [*super().get_urls(), path("<str:key>/export/", view, name=self._name("export"))]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        user = request.user
        # Of two opposite acts the one that can be meant.
        idle = {LiftHold.kind if row.legal_hold_since is None else "kyc.hold"}
        idle.add(Unrestrict.kind if row.restricted_at is None else "kyc.restrict")
        return {
            "buttons": [
                acts.button(act.kind, row.public_id, user, row) for act in ALL if act.kind not in idle
            ],
            "may_export": policy.is_officer(user) and row.erased_at is None,
            "export_url": reverse("admin:kyc_personsdata_export", args=[row.public_id]),
            "erasable": policy.may_be_erased(row, clock.now()),
            "state": row.get_state_display(),
            "lines": _lines(row),
        }

    def export_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """GET asks, POST hands the file out and leaves an audit entry."""
        if not (self.has_view_permission(request) and policy.is_officer(request.user)):
            raise PermissionDenied
        record = self._row(request, key)
        handout = Handout(
            filename=f"{record.public_id}.zip",
            title="Hand over what is held",
            template="admin/kyc/export.html",
            back_url=self.url_of(record),
            make=lambda asked: _packed(record, asked),
            context={"row": record, "note": NAME_NOBODY},
        )
        return handing_out.page(request, self.admin_site.each_context(request), handout)

    @admin.display(description="State")
    def state_shown(self, row: KycRecord) -> str:
        return str(row.get_state_display())

    @admin.display(description="Kept until")
    def kept_shown(self, row: KycRecord) -> str:
        return f"{row.retain_until:%Y-%m-%d}" if row.retain_until else formats.NOTHING

    @admin.display(description="Standing")
    def standing_shown(self, row: KycRecord) -> str:
        told = {
            "erased": row.erased_at,
            "legal hold": row.legal_hold_since,
            "restricted": row.restricted_at,
        }
        return ", ".join(word for word, since in told.items() if since) or formats.NOTHING


def _lines(record: KycRecord) -> list[tuple[KycStep, str, str, str]]:
    """Each step with its act, the state after it and its reason in words; what was marked is the desk's business."""
    steps = record.steps.exclude(act=Act.MARK).order_by("-revision")[:MOST_LINES]
    return [
        (
            step,
            step.act.replace("_", " "),
            State(step.to_state).label,
            step.details.get("reason") or reasons.words(step.reason_code),
        )
        for step in steps
    ]


def _packed(record: KycRecord, asked: Asked) -> bytes:
    try:
        return exporting.export(record, actor=asked.actor, reason=asked.reason)
    except (ReviewError, VaultError):
        raise NothingToHandOut(
            "What is held can't be opened: it was erased, or the keys aren't there."
        ) from None
