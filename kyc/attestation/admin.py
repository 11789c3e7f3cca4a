"""The pages of attestations: what awaits one, what there is, and the keys that are trusted."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from kyc.attestation import deployment, in_force, requesting, signing, verification
from kyc.attestation.acts import ADD, IMPORT, ON_A_KEY, ROLES, newest_by
from kyc.attestation.requesting import Terms
from kyc.attestation.verification import SENTENCES, AttestationRefused
from kyc.models import Attestation, AuthorityKey, AwaitingAttestation, KeyState
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.backoffice import acts, formats, overview
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.overview import Panel
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site

SOON, VERY_SOON = 30, 7
# More nodes than a page shows; the request file holds all.
MOST: Final = 200
TONES: Final = {
    KeyState.PENDING: Tone.WAITING,
    KeyState.ACTIVE: Tone.GOOD,
    KeyState.RETIRING: Tone.QUIET,
    KeyState.REVOKED: Tone.QUIET,
    KeyState.COMPROMISED: Tone.BAD,
}


@admin.register(AwaitingAttestation, site=site)
class AwaitingAdmin(RecordAdmin):
    """The queues, the request file to carry away, and the door for what comes back."""

    area = Area.ATTESTATIONS
    title = "Awaiting attestation"
    group = Group.WORK
    place = 40
    about = (
        "Nodes of approved operators that the KYC router can't pay, or soon won't, for want of an attestation. Hand "
        "the request file to the authority; it signs on a machine of its own; take in what it gives back."
    )
    change_list_template = "admin/kyc/awaiting.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).none()

    def get_urls(self) -> list[URLPattern]:
        handing_out = self.admin_site.admin_view(self.request_file)
        return [*super().get_urls(), path("request/", handing_out, name="kyc_attestation_request")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        now = clock.now()
        queues = [
            ("awaiting", "Approved, awaiting attestation", requesting.awaiting(now)),
            ("week", f"Expiring within {VERY_SOON} days", requesting.expiring(now, VERY_SOON)),
            ("month", f"Expiring within {SOON} days", requesting.expiring(now, SOON)),
        ]
        context = {
            "queues": [
                (key, words, rows.count(), [_line(node, now) for node in rows[:MOST]])
                for key, words, rows in queues
            ],
            "soon": SOON,
            "take_in": acts.button(IMPORT.kind, acts.NEW, request.user, None),
            "may_request": acts.may_act(request.user, ROLES),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def request_file(self, request: HttpRequest) -> HttpResponse:
        """POST: the request file of what awaits an attestation, and of what soon will, with its audit entry."""
        if request.method != "POST":
            return HttpResponseNotAllowed(("POST",))
        if not acts.may_act(request.user, ROLES):
            raise PermissionDenied
        now = clock.now()
        nodes = [*requesting.awaiting(now)]
        if request.POST.get("expiring"):
            nodes += requesting.expiring(now, SOON)
        asked = requesting.ask_for(nodes, now, Terms.usual())
        if not asked.claims:
            self.message_user(request, "No node with a proven wallet awaits an attestation.")
            return HttpResponseRedirect(self.list_url())
        requesting.note(asked, actor=cast(User, request.user), request_id=request_id_of(request))
        answer = HttpResponse(
            signing.write_request(deployment.audience(), asked.claims, now), content_type="application/json"
        )
        answer["Content-Disposition"] = f'attachment; filename="attestation-request-{now:%Y%m%d-%H%M}.json"'
        answer["Cache-Control"] = "no-store"
        return answer


def _line(node: Any, now: datetime) -> dict[str, Any]:
    return {
        "node": node,
        "why": _why(node, now),
        "left": node.newest_expires_at - now if node.newest_expires_at else None,
    }


def _why(node: Any, now: datetime) -> str:
    if node.newest_pk is None:
        return "It never had one."
    if node.newest_key_state == KeyState.COMPROMISED:
        return "Its key is compromised."
    if node.newest_kyc_hash != node.operator.kyc_hash:
        return "The KYC record was renewed since."
    if node.newest_expires_at <= now:
        return "It has expired."
    return "It ends soon."


@admin.register(Attestation, site=site)
class AttestationAdmin(RecordAdmin):
    area = Area.ATTESTATIONS
    title = "Attestations"
    group = Group.EVIDENCE
    place = 45
    about = "Everything that authorities have attested of nodes, as it was signed. Of each node the newest counts."
    search_for = "Node or wallet, in full"
    search_fields = ("node__node_id",)
    page_template = "admin/kyc/attestation.html"
    list_display = (
        "number_shown", "node_shown", "seq_shown", "wallet_shown", "authority_shown", "until_shown", "state_shown",
    )  # fmt: skip
    list_select_related = ("node", "node__operator", "key", "key__authority")

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(node__node_id=term) | queryset.filter(wallet=term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def page_context(self, request: HttpRequest, row: Attestation) -> dict[str, Any]:
        try:
            said = signing.in_words(verification.opened(row.document, in_force.trusted_keys()))
            why_not = ""
        except AttestationRefused as refused:
            said, why_not = [], str(refused)
        standing = in_force.standings([row.node.node_id])[row.node.node_id]
        newest = standing.seq == row.seq
        reasons = (
            [SENTENCES[reason] for reason in standing.refusals(row.wallet, clock.now())] if newest else []
        )
        return {
            "title": f"Attestation {row.seq} of {row.node.node_id}",
            "said": said,
            "why_not": why_not,
            "state": _state(row, newest, reasons),
            "reasons": reasons,
            "key_url": f"../../authoritykey/{row.key.kid}/",
        }

    @admin.display(description="Row")
    def number_shown(self, row: Attestation) -> str:
        return str(row.pk)

    @admin.display(description="Node")
    def node_shown(self, row: Attestation) -> SafeString | str:
        return formats.code(row.node.node_id)

    @admin.display(description="Number")
    def seq_shown(self, row: Attestation) -> int:
        return row.seq

    @admin.display(description="Wallet")
    def wallet_shown(self, row: Attestation) -> SafeString | str:
        return formats.code(row.wallet)

    @admin.display(description="Authority")
    def authority_shown(self, row: Attestation) -> str:
        return row.key.authority.name

    @admin.display(description="Until (UTC)")
    def until_shown(self, row: Attestation) -> SafeString | str:
        return formats.moment(row.expires_at)

    @admin.display(description="Key")
    def state_shown(self, row: Attestation) -> SafeString | str:
        return formats.badge(row.key.get_state_display(), TONES[KeyState(row.key.state)])


def _state(row: Attestation, newest: bool, reasons: list[str]) -> tuple[str, Tone]:
    if not newest:
        return "Replaced by a newer one", Tone.QUIET
    return ("Not in force", Tone.BAD) if reasons else ("In force", Tone.GOOD)


@admin.register(AuthorityKey, site=site)
class AuthorityKeyAdmin(RecordAdmin):
    area = Area.ATTESTATIONS
    title = "Authorities and keys"
    group = Group.PEOPLE
    place = 95
    about = (
        "Whose signature makes a node payable through the KYC router. Two people add a key, after each has compared "
        "its fingerprint with what the authority told them. The signer trusts by a list of its own."
    )
    page_key = "kid"
    page_template = "admin/kyc/authority_key.html"
    change_list_template = "admin/accounts/people.html"
    list_select_related = ("authority", "added_by", "approved_by")
    list_display = (
        "authority_shown",
        "kid_shown",
        "state_shown",
        "nodes_shown",
        "people_shown",
        "added_shown",
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        create = acts.button(ADD.kind, acts.NEW, request.user, None)
        return super().changelist_view(request, {"create": create, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def page_context(self, request: HttpRequest, row: AuthorityKey) -> dict[str, Any]:
        return {
            "title": f"Key of {row.authority}",
            "state": (row.get_state_display(), TONES[KeyState(row.state)]),
            "nodes": newest_by(row),
            "buttons": [acts.button(act.kind, row.kid, request.user, row) for act in ON_A_KEY],
        }

    @admin.display(description="Authority")
    def authority_shown(self, row: AuthorityKey) -> str:
        return row.authority.name

    @admin.display(description="Fingerprint")
    def kid_shown(self, row: AuthorityKey) -> SafeString | str:
        return formats.code(row.kid)

    @admin.display(description="State")
    def state_shown(self, row: AuthorityKey) -> SafeString | str:
        return formats.badge(row.get_state_display(), TONES[KeyState(row.state)])

    @admin.display(description="Nodes paid by it")
    def nodes_shown(self, row: AuthorityKey) -> int:
        return newest_by(row)

    @admin.display(description="Agreed by")
    def people_shown(self, row: AuthorityKey) -> str:
        return f"{row.added_by}, {row.approved_by}"

    @admin.display(description="Added (UTC)")
    def added_shown(self, row: AuthorityKey) -> SafeString | str:
        return formats.moment(row.added_at)


def _panel() -> dict[str, Any]:
    now = clock.now()
    return {
        "awaiting": requesting.awaiting(now).count(),
        "week": requesting.expiring(now, VERY_SOON).count(),
        "month": requesting.expiring(now, SOON).count(),
    }


overview.register(Panel(Area.ATTESTATIONS, "admin/overview/attestations.html", _panel, place=45))
