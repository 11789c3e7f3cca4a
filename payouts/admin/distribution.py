"""Monthly runs: a page each with its state, figures, next step and who did what; and what each recipient gets of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.filters import ChoiceFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from lucid_payments.money import format_usdt
from payouts.acts.distribution import CONFIRM_ADDRESS, ON_A_RUN, OPEN, TRY_AGAIN
from payouts.distribution import approving, capacity, preview, standing
from payouts.distribution.capacity import Plan
from payouts.distribution.lifecycle import RunRefused
from payouts.models import DistributionRun, Entitlement, EntitlementState, Report, RunRoot, RunState
from payouts.models.report import ReportKind, ReportState
from payouts.reports.acts import AskForRun

TONES: Final = {
    RunState.DRAFT: Tone.WAITING,
    RunState.FROZEN: Tone.WAITING,
    RunState.COMPUTED: Tone.WAITING,
    RunState.APPROVED: Tone.WAITING,
    RunState.SCHEDULED: Tone.WAITING,
    RunState.RUNNING: Tone.GOOD,
    RunState.PAUSED: Tone.BAD,
    RunState.SETTLED: Tone.QUIET,
    RunState.REPORTED: Tone.QUIET,
}
NEXT: Final = {
    RunState.DRAFT: "It is frozen by itself once the chain has a final block behind the cut-off.",
    RunState.FROZEN: "An administrator enters the pool and computes the shares.",
    RunState.COMPUTED: "Two approvers agree to the figures.",
    RunState.APPROVED: "An administrator schedules it.",
    RunState.SCHEDULED: "It begins by itself at its time.",
    RunState.RUNNING: "It is paid as the limits allow, and settles by itself when nothing is due or held.",
    RunState.PAUSED: "An administrator lets it go on.",
    RunState.SETTLED: "Its proofs and reports are made.",
    RunState.REPORTED: "Nothing: it is over.",
}
LINE_TONES: Final = {
    EntitlementState.FROZEN: Tone.WAITING,
    EntitlementState.DUE: Tone.WAITING,
    EntitlementState.HELD: Tone.BAD,
    EntitlementState.PAID: Tone.GOOD,
    EntitlementState.CARRIED: Tone.QUIET,
    EntitlementState.MOVED: Tone.QUIET,
}
SHOWN: Final = 20
REPORTS_SHOWN: Final = 3
HOURS_SHOWN: Final = 48
# The drawing's own units.
HIGH: Final = 100
WIDE: Final = 600


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart: its place in the drawing, and its figure."""

    x: int
    width: int
    y: int
    height: int
    at: datetime
    amount: int


def columns(figures: Sequence[tuple[datetime, int]], whole: int) -> list[Column]:
    """Side by side, their heights in proportion to `whole`."""
    found = []
    for place, (at, amount) in enumerate(figures):
        x, end = WIDE * place // len(figures), WIDE * (place + 1) // len(figures)
        height = min(HIGH, HIGH * amount // whole) if whole else 0
        found.append(Column(x, max(1, end - x - 2), HIGH - height, height, at, amount))
    return found


@admin.register(DistributionRun, site=site)
class DistributionRunAdmin(RecordAdmin):
    area = Area.PAYOUTS
    title = "Monthly runs"
    group = Group.MONEY
    place = 26
    about = (
        "Once a month everybody's share of the work. A month has one run; it opens by itself on its last day."
    )
    page_template = "admin/payouts/run.html"
    change_list_template = "admin/payouts/runs.html"
    page_key = "period"
    list_display = (
        "period",
        "state_shown",
        "recipients_shown",
        "pool_shown",
        "carried_shown",
        "opened_shown",
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        button = acts.button(OPEN.kind, acts.NEW, request.user, None)
        return super().changelist_view(request, {"button": button, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: DistributionRun) -> dict[str, Any]:
        state = RunState(row.state)
        computed = state not in (RunState.DRAFT, RunState.FROZEN)
        figures = preview.of(row) if computed else None
        report = acts.button(AskForRun.kind, row.period, request.user, row) if computed else None
        return {
            "state_tone": TONES[state],
            "next_step": NEXT[state],
            "buttons": [
                button
                for act in ON_A_RUN
                if (button := acts.button(act.kind, row.period, request.user, row))
                and row.state in act.states
            ]
            + ([report] if report is not None else []),
            "approvals": approving.given(row) if computed else [],
            "root": RunRoot.objects.filter(run=row).first(),
            "reports": Report.objects.filter(
                kind=ReportKind.RUN, about=row.period, state=ReportState.DONE
            ).order_by("-pk")[:REPORTS_SHOWN],
            "figures": figures,
            "parts": [("The largest", figures.largest), ("The smallest", figures.smallest)]
            if figures
            else [],
            "standing": _standing(row),
            "steps": row.steps.order_by("pk"),
            "lines_url": f"{reverse('admin:payouts_entitlement_changelist')}?run={row.period}",
            **_held(row),
            **(_planned(row) if computed and state not in (RunState.SETTLED, RunState.REPORTED) else {}),
        }

    @admin.display(description="State")
    def state_shown(self, run: DistributionRun) -> SafeString:
        return formats.badge(run.get_state_display(), TONES[RunState(run.state)])

    @admin.display(description="Recipients")
    def recipients_shown(self, run: DistributionRun) -> str:
        return formats.count(run.recipients)

    @admin.display(description="Pool (USDT)")
    def pool_shown(self, run: DistributionRun) -> str:
        return formats.usdt(run.pool) if run.pool_kind else formats.NOTHING

    @admin.display(description="Carried in (USDT)")
    def carried_shown(self, run: DistributionRun) -> str:
        return formats.usdt(run.carried_in)

    @admin.display(description="Opened (UTC)")
    def opened_shown(self, run: DistributionRun) -> SafeString | str:
        return formats.moment(run.created_at)


def _standing(run: DistributionRun) -> list[tuple[EntitlementState, int, int, int]]:
    """By state: recipients, what they are entitled to, what they have; base units."""
    rows = Entitlement.objects.filter(run=run).order_by().values("state")
    found = {
        row["state"]: (row["count"], row["amount"], row["paid"])
        for row in rows.annotate(count=Count("pk"), amount=Sum("amount"), paid=Sum("paid"))
    }
    return [(state, *found[state]) for state in EntitlementState if state in found]


def _held(run: DistributionRun) -> dict[str, Any]:
    """The first of who is held, each with the address that counts by now."""
    held = Entitlement.objects.filter(run=run, state=EntitlementState.HELD)
    lines = list(held.order_by("-amount", "rank")[:SHOWN])
    now_at = standing.of_some([line.pk for line in lines])
    page = reverse("admin:payouts_entitlement_changelist")
    return {
        "held_lines": [(line, now_at[line.pk][0], f"{page}{line.pk}/") for line in lines],
        "held_more": max(0, held.count() - SHOWN),
    }


def _planned(run: DistributionRun) -> dict[str, Any]:
    """The capacity plan from now on, or from when it begins, as charts; and why it can't be, if so."""
    starts_at = max(run.scheduled_for or run.cut_off, clock.now())
    plan = capacity.plan(run, starts_at)
    try:
        capacity.require(run)
        refusal = ""
    except RunRefused as refused:
        refusal = str(refused)
    return {
        "plan": plan,
        "plan_refusal": refusal,
        "plan_days": columns(plan.days, plan.allowance.day),
        "plan_hours": columns(_first_hours(plan), plan.allowance.hour),
    }


def _first_hours(plan: Plan) -> list[tuple[datetime, int]]:
    """The first two days hour by hour, those in which nothing may go among them."""
    if not plan.hours:
        return []
    known, first = dict(plan.hours), plan.hours[0][0]
    last = min(plan.hours[-1][0], first + (HOURS_SHOWN - 1) * capacity.HOUR)
    count = (last - first) // capacity.HOUR + 1
    return [(at, known.get(at, 0)) for at in (first + number * capacity.HOUR for number in range(count))]


class RunFilter(ChoiceFilter):
    title = "Month"
    parameters = ("run",)

    @property
    def options(self) -> list[tuple[Any, str]]:  # type: ignore[override]
        periods = DistributionRun.objects.order_by("-period").values_list("period", flat=True)[:120]
        return [(period, period) for period in periods]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(run__period=value)


class LineStateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in EntitlementState]


@admin.register(Entitlement, site=site)
class EntitlementAdmin(RecordAdmin):
    area = Area.PAYOUTS
    title = "Entitlements"
    group = Group.MONEY
    place = 27
    about = "What each recipient gets of a month's run, and how far it is paid."
    search_for = "Node or user id, in full"
    search_fields = ("recipient",)
    page_template = "admin/payouts/entitlement.html"
    list_filter = (RunFilter, LineStateFilter)
    list_select_related = ("run",)
    list_display = (
        "recipient_shown",
        "kind_shown",
        "run_shown",
        "state_shown",
        "why_shown",
        "paid_shown",
        "amount_shown",
    )

    def find(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return queryset.filter(kind__in=("node", "user"), recipient=term)

    def page_context(self, request: HttpRequest, row: Entitlement) -> dict[str, Any]:
        now_at, _ = standing.of_some([row.pk])[row.pk]
        return {
            "title": f"{row.get_kind_display()} {row.recipient} in {row.run.period}",
            "state_tone": LINE_TONES[EntitlementState(row.state)],
            "run_url": reverse("admin:payouts_distributionrun_change", args=[row.run.period]),
            "now_at": now_at,
            "chunks": row.chunks.select_related("payout").order_by("pk"),
            "brought": row.run.carries.filter(kind=row.kind, recipient=row.recipient).select_related(
                "source__run"
            ),
            "buttons": [
                acts.button(act.kind, row.pk, request.user, row) for act in (CONFIRM_ADDRESS, TRY_AGAIN)
            ]
            if row.state == EntitlementState.HELD
            else [],
        }

    @admin.display(description="Recipient")
    def recipient_shown(self, line: Entitlement) -> SafeString | str:
        return formats.code(line.recipient)

    @admin.display(description="Kind")
    def kind_shown(self, line: Entitlement) -> str:
        return line.get_kind_display()

    @admin.display(description="Month")
    def run_shown(self, line: Entitlement) -> str:
        return line.run.period

    @admin.display(description="State")
    def state_shown(self, line: Entitlement) -> SafeString:
        return formats.badge(line.get_state_display(), LINE_TONES[EntitlementState(line.state)])

    @admin.display(description="Why")
    def why_shown(self, line: Entitlement) -> str:
        return line.get_hold_reason_display() if line.state == EntitlementState.HELD else formats.NOTHING

    @admin.display(description="Entitled to (USDT)")
    def amount_shown(self, line: Entitlement) -> str:
        return format_usdt(line.amount)

    @admin.display(description="Paid (USDT)")
    def paid_shown(self, line: Entitlement) -> str:
        return format_usdt(line.paid)
