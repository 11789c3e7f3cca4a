"""The approvers' queue, the oldest first; each request's page; and what they have decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.audit.admin import register_ids
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.money import format_usdt
from payouts.acts.approvals import APPROVE_MANY, MOST_LISTED, REJECT_MANY, queue_url
from payouts.approvals import facts, many, requests
from payouts.approvals.telling import APPROVERS
from payouts.models.approval import Approval, ApprovalRequest, RequestState
from payouts.models.upload import PayoutUpload

# How many the queue shows at once, and the parameter of its next page: the key of the last one shown.
SHOWN: Final = many.MOST_REJECTED
FOLLOWING: Final = "following"
TONES: Final = {
    RequestState.WAITING: Tone.WAITING,
    RequestState.APPROVED: Tone.GOOD,
    RequestState.REJECTED: Tone.BAD,
    RequestState.WITHDRAWN: Tone.QUIET,
}
SELECTED: Final = {"approve": APPROVE_MANY.kind, "reject": REJECT_MANY.kind}


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in RequestState]


@admin.register(ApprovalRequest, site=site)
class ApprovalRequestAdmin(RecordAdmin):
    area = Area.PAYOUTS
    title = "Approvals"
    group = Group.WORK
    place = 6
    page_template = "admin/payouts/approval.html"
    change_list_template = "admin/payouts/approvals.html"
    list_filter = (StateFilter,)
    list_display = (
        "number_shown", "about_shown", "amount_shown", "creator_shown", "asked_shown", "state_shown", "ended_shown",
    )  # fmt: skip
    list_select_related = ("creator", "batch")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.selected_view)
        return [path("selected/", view, name=self._name("selected")), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {**_queue(request), **(extra_context or {})})

    def selected_view(self, request: HttpRequest) -> HttpResponse:
        """From the queue's boxes to the confirm page of what was chosen there; nothing is done here."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = [key for key in request.GET.getlist("chosen") if key.isascii() and key.isdecimal()]
        kind = SELECTED.get(request.GET.get("act", ""))
        if not chosen or kind is None:
            self.message_user(request, "Nothing was chosen.", "WARNING")
            return HttpResponseRedirect(queue_url())
        return HttpResponseRedirect(acts.url(kind, ",".join(chosen)))

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        (seen,) = facts.look([row])
        return {
            "title": f"Approval {row.pk}",
            "seen": seen,
            "foremost": seen.foremost(MOST_LISTED),
            "upload": PayoutUpload.objects.defer("content", "rows", "findings")
            .filter(batch=row.batch)
            .first()
            if row.source_hash
            else None,
            "state": badge_of(row),
            "age": clock.now() - row.asked_at,
            "why": why(row),
            "decisions": [
                (said, _found(said)) for said in Approval.objects.filter(request=row).order_by("pk")
            ],
            "ended": list(row.payouts.order_by("pk")[:MOST_LISTED])
            if row.state != RequestState.WAITING
            else [],
            "buttons": [
                acts.button(kind, row.pk, request.user, seen)
                for kind in ("approval.approve", "approval.reject")
            ],
        }

    @admin.display(description="Number")
    def number_shown(self, row: ApprovalRequest) -> str:
        return str(row.pk)

    @admin.display(description="What")
    def about_shown(self, row: ApprovalRequest) -> SafeString | str:
        return formats.code(row.batch.batch_id) if row.batch is not None else "One payout"

    @admin.display(description="Amount asked for")
    def amount_shown(self, row: ApprovalRequest) -> SafeString:
        return format_html('{} <span class="unit">USDT</span>', formats.usdt(row.total))

    @admin.display(description="Creator")
    def creator_shown(self, row: ApprovalRequest) -> str:
        return row.creator.get_username()

    @admin.display(description="Asked (UTC)")
    def asked_shown(self, row: ApprovalRequest) -> SafeString | str:
        return formats.moment(row.asked_at)

    @admin.display(description="State")
    def state_shown(self, row: ApprovalRequest) -> SafeString:
        return badge_of(row)

    @admin.display(description="Over (UTC)")
    def ended_shown(self, row: ApprovalRequest) -> SafeString | str:
        return formats.moment(row.ended_at) if row.ended_at is not None else ""


def _found(said: Approval) -> list[str]:
    """What the checks said then, each sentence once."""
    return list(dict.fromkeys(f"{found['check']}: {found['said']}" for found in said.found))


def badge_of(row: ApprovalRequest) -> SafeString:
    return formats.badge(row.get_state_display(), TONES[RequestState(row.state)])


def why(row: ApprovalRequest) -> list[str]:
    """Which of the rule's figures asked for people, in sentences."""
    rule, whose = row.rule, row.creator.get_role_display().lower()
    figures = [("Its largest payout" if row.is_batch else "It", row.largest, rule.payout_above)]
    if row.is_batch:
        figures.append(("The batch", row.total, rule.batch_above))
    figures.append(("What its creator asked for in 24 hours, this included,", row.day, rule.day_above))
    told = ["An uploaded file is always approved by somebody."] if row.source_hash else []
    for words, figure, limit in figures:
        for above, people in ((rule.two_above, 2), (limit, 1)):
            if above is not None and figure > above:
                told.append(
                    f"{words} is {format_usdt(figure)} USDT. Above {format_usdt(above)} the rule for the role "
                    f"{whose} asks for {'two approvals' if people > 1 else 'one approval'}."
                )
                break
    return told


def _queue(request: HttpRequest) -> dict[str, Any]:
    """One page of what waits, in as many statements as it has columns that look elsewhere, however much waits."""
    rows: QuerySet[ApprovalRequest] = requests.waiting()
    total = rows.count()
    after = request.GET.get(FOLLOWING, "")
    if after.isascii() and after.isdecimal() and len(after) < 19:
        rows = rows.filter(pk__gt=int(after))
    page = list(rows.select_related("creator", "batch")[: SHOWN + 1])
    now = clock.now()
    verdict = acts.may_act(request.user, APPROVERS)
    return {
        "waiting": total,
        "queue": [_line(seen, now - seen.request.asked_at) for seen in facts.look(page[:SHOWN])],
        "following": f"?{FOLLOWING}={page[SHOWN - 1].pk}" if len(page) > SHOWN else "",
        "from_the_oldest": "" if not after else queue_url(),
        "verdict": verdict,
        "each": many.EACH,
        "together": many.TOGETHER,
        "most": many.MOST_APPROVED,
    }


def _line(seen: facts.Seen, age: timedelta) -> dict[str, Any]:
    return {"seen": seen, "age": age, "url": url_of(seen.request.pk)}


def url_of(pk: int) -> str:
    return reverse("admin:payouts_approvalrequest_change", args=[pk])


def _audited_as(text: str) -> tuple[str, str] | None:
    """How audit entries name ``approval 12``."""
    number = text.removeprefix("approval ").strip()
    known = number.isascii() and number.isdecimal() and len(number) < 19
    return (ApprovalRequest._meta.label_lower, number) if known else None


register_ids("approval ", _audited_as)
