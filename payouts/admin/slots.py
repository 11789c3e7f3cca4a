"""The schedule: which batches stand where and what the limits will let through; each one's page, and all there were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments import clock
from lucid_payments.audit.admin import register_ids
from lucid_payments.backoffice import acts, charts, formats, policy
from lucid_payments.backoffice.filters import ChoiceFilter, DaysFilter
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts import schedule
from payouts.acts.slots import CANCEL, PAUSE, RESUME, name_of
from payouts.admin import slot_outlook, words
from payouts.admin.slot_outlook import Outlook
from payouts.models import Payout, PayoutSlot, SlotState
from payouts.models.payout import BatchType, PayoutStatus
from payouts.slots import totals
from payouts.slots.totals import Totals

TONES: Final = {
    SlotState.GATHERING: Tone.QUIET,
    SlotState.RELEASING: Tone.MOVING,
    SlotState.PAUSED: Tone.WAITING,
    SlotState.DONE: Tone.GOOD,
    SlotState.CANCELLED: Tone.BAD,
}
TIMED: Final = [kind for kind in BatchType if kind != BatchType.IMMEDIATE]
# How many of its payouts a slot's page shows, those first that go first.
FIRST: Final = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One slot among those that aren't over; `url` is empty where nobody has joined it yet."""

    name: str
    state: SafeString
    due_at: datetime
    url: str
    totals: Totals
    outlook: Outlook
    # When its release begins, or goes on.
    begins: datetime

    @property
    def parts(self) -> list[charts.Part]:
        return self.outlook.parts(self.begins, self.totals.waiting_amount)

    @property
    def at_once(self) -> slot_outlook.Sum:
        return self.outlook.at_once(self.begins)

    @property
    def later(self) -> slot_outlook.Sum:
        return self.outlook.later(self.begins)


class StateFilter(ChoiceFilter):
    title = "State"
    parameters = ("state",)
    options = [(state.value, state.label) for state in SlotState]


class TypeFilter(ChoiceFilter):
    title = "Batch type"
    parameters = ("batch_type",)
    options = [(kind.value, kind.label) for kind in TIMED]


class DueFilter(DaysFilter):
    title = "Due"
    column = "due_at"


@admin.register(PayoutSlot, site=site)
class PayoutSlotAdmin(RecordAdmin):
    area = Area.PAYOUTS
    title = "Schedule"
    group = Group.WORK
    place = 12
    page_template = "admin/payouts/slot.html"
    change_list_template = "admin/payouts/slots.html"
    about = "While a slot is open its figures stand above; what it came to is kept here."
    list_filter = (StateFilter, TypeFilter, DueFilter)
    list_display = (
        "name_shown", "state_shown", "payouts_shown", "amount_shown", "paid_shown", "opened_shown", "ended_shown",
    )  # fmt: skip

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"lines": self._open(), **(extra_context or {})})

    def _open(self) -> list[Line]:
        """Every slot that isn't over, and the next of each batch type, in the order of their times."""
        now = clock.now()
        slots = list(PayoutSlot.objects.filter(ended_at=None).order_by("due_at", "pk"))
        found = totals.of(slots)
        outlooks = slot_outlook.of(slots, found, now)
        lines = [
            Line(
                name_of(slot),
                badge_of(slot),
                slot.due_at,
                self.url_of(slot),
                found[slot.pk],
                outlooks[slot.pk],
                max(slot.due_at, now),
            )
            for slot in slots
        ]
        known = {(slot.batch_type, slot.due_at) for slot in slots}
        for kind in TIMED:
            due_at = schedule.next_slot(kind, now)
            if (kind, due_at) not in known:
                name = name_of(PayoutSlot(batch_type=kind, due_at=due_at))
                empty = formats.badge("Empty", Tone.QUIET)
                lines.append(Line(name, empty, due_at, "", Totals(), slot_outlook.NOTHING, due_at))
        return sorted(lines, key=lambda line: line.due_at)

    def page_context(self, request: HttpRequest, row: PayoutSlot) -> dict[str, Any]:
        now = clock.now()
        own = totals.of([row])[row.pk]
        is_open = row.ended_at is None
        outlook = slot_outlook.of([row], {row.pk: own}, now)[row.pk] if is_open else None
        columns, by_day = slot_outlook.drawn(outlook) if outlook is not None else ([], False)
        first = row.payouts.filter(status=PayoutStatus.SCHEDULED).order_by("priority", "due_at", "pk")
        return {
            "title": name_of(row),
            "state": badge_of(row),
            "sentence": sentence(row, own, now),
            "totals": own,
            "outlook": outlook,
            "columns": columns,
            "by_day": by_day,
            "height": slot_outlook.HEIGHT,
            "looked_at": slot_outlook.LOOKED_AT,
            "holds": _holds(row) if is_open else [],
            "first": list(first[:FIRST]) if is_open else [],
            "payouts_url": f"{reverse('admin:payouts_payout_changelist')}?slot={row.pk}",
            "shows_audit": policy.may_read(request.user, Area.AUDIT),
            "buttons": [acts.button(act.kind, row.pk, request.user, row) for act in (PAUSE, RESUME, CANCEL)],
        }

    @admin.display(description="Slot")
    def name_shown(self, slot: PayoutSlot) -> str:
        return name_of(slot)

    @admin.display(description="State")
    def state_shown(self, slot: PayoutSlot) -> SafeString:
        return badge_of(slot)

    @admin.display(description="Payouts")
    def payouts_shown(self, slot: PayoutSlot) -> str:
        return formats.count(slot.total_payouts) if slot.total_payouts is not None else ""

    @admin.display(description="Amount")
    def amount_shown(self, slot: PayoutSlot) -> SafeString | str:
        return _usdt(slot.total_amount)

    @admin.display(description="Paid")
    def paid_shown(self, slot: PayoutSlot) -> SafeString | str:
        return _usdt(slot.confirmed_amount)

    @admin.display(description="Opened (UTC)")
    def opened_shown(self, slot: PayoutSlot) -> SafeString | str:
        return formats.moment(slot.opened_at) if slot.opened_at is not None else ""

    @admin.display(description="Over (UTC)")
    def ended_shown(self, slot: PayoutSlot) -> SafeString | str:
        return formats.moment(slot.ended_at) if slot.ended_at is not None else ""


def badge_of(slot: PayoutSlot) -> SafeString:
    state = SlotState(slot.state)
    return formats.badge(state.label, TONES[state])


def sentence(slot: PayoutSlot, own: Totals, now: datetime) -> str:
    """What is happening, and what comes next."""
    match slot.state:
        case SlotState.GATHERING:
            return (
                f"It takes in what is accepted for it, and is released in {formats.span(slot.due_at - now)}."
            )
        case SlotState.RELEASING:
            if not own.waiting:
                return "All of it is released; it is done when the last payout has ended."
            return "Its time has come: its payouts are released by priority, as far as limits and treasury allow."
        case SlotState.PAUSED:
            return "Nothing of it goes until somebody resumes it; what was signed runs to its end."
        case SlotState.CANCELLED if slot.ended_at is None:
            return "Called off; what was signed before runs to its end."
        case SlotState.CANCELLED:
            return "Called off. Nobody joins it any more."
    late = (slot.opened_at or slot.due_at) - slot.due_at
    if late > timedelta(minutes=5):
        return f"All of its payouts have ended. It was opened {formats.span(late)} late."
    return "All of its payouts have ended."


def _audited_as(public: str) -> tuple[str, str] | None:
    """How audit entries name the slot `slot-12`."""
    number = public.removeprefix("slot-")
    return (PayoutSlot._meta.label_lower, number) if number.isascii() and number.isdecimal() else None


register_ids("slot-", _audited_as)


def _usdt(units: int | None) -> SafeString | str:
    if units is None:
        return ""
    return format_html('{} <span class="unit">USDT</span>', formats.usdt(units))


def _holds(slot: PayoutSlot) -> list[tuple[str, int, int]]:
    """Why those wait that aren't released: words, how many, base units."""
    rows = Payout.objects.filter(slot=slot, status=PayoutStatus.SCHEDULED).order_by()
    groups = rows.values_list("hold_reason").annotate(Count("pk"), Sum("amount"))
    told = [(words.hold_words(reason) or "Nothing: released next", n, units) for reason, n, units in groups]
    return sorted(told, key=lambda row: -row[1])
