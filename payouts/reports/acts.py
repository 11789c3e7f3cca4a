"""The acts that ask for a report, one a kind; importing this registers them. Whoever asks is the one who downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404
from django.urls import reverse

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import NEW, Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from payouts.models.batch import PayoutBatch
from payouts.models.distribution import DistributionRun
from payouts.models.report import Report, ReportKind
from payouts.reports import asking, runs, scopes

MAKERS: Final = frozenset({Role.ADMIN, Role.PAYOUT_APPROVER})
# A journal of so many days is one file that a person still opens.
MOST_DAYS: Final = 366
_DAY: Final = {"type": "date"}
_MONTH: Final = {"type": "month", "placeholder": "2026-11"}


def _past(read: Callable[[str], Any], text: str, words: str) -> str:
    """The text, once it reads as a time that has begun. Raises ValidationError."""
    try:
        found = read(text)
    except ValueError:
        raise ValidationError(words) from None
    if (found[0] if isinstance(found, tuple) else found) > clock.now().date():
        raise ValidationError("This time hasn't begun yet.")
    return text


class DayForm(forms.Form):
    day = forms.CharField(label="Day (UTC)", max_length=10, widget=forms.TextInput(attrs=_DAY))

    def clean_day(self) -> str:
        return _past(scopes.day_of, self.cleaned_data["day"], "Give a day such as 2026-11-22.")


class MonthForm(forms.Form):
    month = forms.CharField(label="Month (UTC)", max_length=7, widget=forms.TextInput(attrs=_MONTH))

    def clean_month(self) -> str:
        return _past(scopes.month_of, self.cleaned_data["month"], "Give a month such as 2026-11.")


class BatchForm(forms.Form):
    batch = forms.CharField(label="Batch", max_length=40, help_text="Its id, in full.")

    def clean_batch(self) -> str:
        batch: str = self.cleaned_data["batch"].strip()
        if "\0" in batch or not PayoutBatch.objects.filter(batch_id=batch).exists():
            raise ValidationError("There is no such batch.")
        return batch


class JournalForm(forms.Form):
    first = forms.CharField(label="First day (UTC)", max_length=10, widget=forms.TextInput(attrs=_DAY))
    last = forms.CharField(
        label="Last day, included", max_length=10, widget=forms.TextInput(attrs=_DAY),
        help_text=f"{MOST_DAYS} days at most.",
    )  # fmt: skip

    def clean_first(self) -> str:
        return _past(scopes.day_of, self.cleaned_data["first"], "Give a day such as 2026-11-01.")

    def clean_last(self) -> str:
        return _past(scopes.day_of, self.cleaned_data["last"], "Give a day such as 2026-11-30.")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "first" in cleaned and "last" in cleaned:
            days = scopes.day_of(cleaned["last"]) - scopes.day_of(cleaned["first"])
            if not timedelta(0) <= days < timedelta(days=MOST_DAYS):
                self.add_error("last", f"Give one to {MOST_DAYS} days.")
        return cleaned


class AskForReport(Act):
    """What all of them share; a kind says what its answers mean."""

    roles = MAKERS
    minimum_reason = 0
    asks_reason = False
    asks_factor = False
    report: ReportKind
    contents: tuple[str, ...]

    def find(self, key: str) -> Any:
        if key != NEW:
            raise Http404("no such page")

    lock = find

    def label(self, subject: Any) -> str:
        return ""

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        return [
            *self.contents,
            "A worker makes it as CSV and XLSX, from one moment of the database. Its page shows how far it is.",
            "You and auditors download it, with a fresh second factor; each download is audited.",
        ]

    def parameters(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return dict(data)

    def about(self, data: Mapping[str, Any]) -> str:
        (value,) = data.values()
        return str(value)

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        try:
            report = asking.ask(
                self.report,
                self.about(performance.data),
                self.parameters(performance.data),
                maker=performance.actor,
                reason=performance.reason,
                request_id=performance.request_id,
            )
        except asking.Refused as refused:
            raise ActRefused(str(refused)) from None
        return Outcome(
            f"The {report} is asked for. Reload this page to see how far it is.", report_url(report)
        )


_SIDES: Final = "The figures of payouts, ledger and chain stand beside each other, and whether they agree."


class AskForDay(AskForReport):
    kind = "report.day"
    title = "Report of a day"
    verb = "Report of a day"
    report = ReportKind.DAY
    form_class = DayForm
    contents = ("It lists each payout that was paid, failed or was called off on that day (UTC).", _SIDES)

    def initial(self, subject: Any) -> dict[str, Any]:
        return {"day": str(clock.now().date() - timedelta(days=1))}


class AskForMonth(AskForReport):
    kind = "report.month"
    title = "Report of a month"
    verb = "Report of a month"
    report = ReportKind.MONTH
    form_class = MonthForm
    contents = ("It lists each payout that was paid, failed or was called off in that month (UTC).", _SIDES)

    def initial(self, subject: Any) -> dict[str, Any]:
        return {"month": f"{clock.now().date().replace(day=1) - timedelta(days=1):%Y-%m}"}


class AskForBatch(AskForReport):
    """Its key is the batch's id where it is asked for from there."""

    kind = "report.batch"
    title = "Report of a batch"
    verb = "Report of a batch"
    report = ReportKind.BATCH
    form_class = BatchForm
    contents = ("It lists each payout of the batch, however it stands.", _SIDES)

    def find(self, key: str) -> PayoutBatch | None:
        if key == NEW:
            return None
        batch = PayoutBatch.objects.filter(batch_id=key).first() if "\0" not in key else None
        if batch is None:
            raise Http404("no such batch")
        return batch

    lock = find

    def initial(self, subject: PayoutBatch | None) -> dict[str, Any]:
        return {"batch": subject.batch_id} if subject else {}


class RunForm(forms.Form):
    period = forms.CharField(label="Month", max_length=7, widget=forms.TextInput(attrs=_MONTH))

    def clean_period(self) -> str:
        period: str = self.cleaned_data["period"]
        if "\0" in period or not runs.reportable().filter(period=period).exists():
            raise ValidationError("There is no run of this month, or it isn't computed yet.")
        return period


class AskForRun(AskForReport):
    """Its key is the run's period where it is asked for from there. A settled run's is made without being asked."""

    kind = "report.run"
    title = "Report of a monthly run"
    verb = "Report of a monthly run"
    report = ReportKind.RUN
    form_class = RunForm
    contents = (
        "It lists every recipient and every payment of the run; a PDF sums it up, with approvers and reasons.",
        _SIDES,
    )

    def find(self, key: str) -> DistributionRun | None:
        if key == NEW:
            return None
        run = runs.reportable().filter(period=key).first() if "\0" not in key else None
        if run is None:
            raise Http404("no such run")
        return run

    lock = find

    def initial(self, subject: DistributionRun | None) -> dict[str, Any]:
        return {"period": subject.period} if subject else {}


class AskForJournal(AskForReport):
    kind = "report.journal"
    title = "Journal for the accountant"
    verb = "Journal"
    report = ReportKind.JOURNAL
    form_class = JournalForm
    contents = (
        "It holds an entry a day for each pair of accounts, debit and credit, USDT and TRX apart.",
        "Each account's balance before and after each day is in it too.",
    )

    def initial(self, subject: Any) -> dict[str, Any]:
        last = clock.now().date().replace(day=1) - timedelta(days=1)
        return {"first": str(last.replace(day=1)), "last": str(last)}

    def parameters(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"from": data["first"], "to": data["last"]}

    def about(self, data: Mapping[str, Any]) -> str:
        return str(data["first"]) if data["first"] == data["last"] else f"{data['first']}-to-{data['last']}"


KINDS: Final = tuple(
    acts.register(act()) for act in (AskForDay, AskForMonth, AskForBatch, AskForRun, AskForJournal)
)


def may_download(user: Any, report: Report) -> Verdict:
    """Its maker and auditors may, as long as there are files; what nobody asked for, whoever may ask."""
    entitled = isinstance(user, User) and (
        user.role == Role.AUDITOR
        or (user.pk == report.maker_id if report.maker_id is not None else user.role in MAKERS)
    )
    if not entitled:
        return Verdict(False, f"{report.maker_label}, who asked for it, and auditors download it.")
    if report.cleared_at is not None:
        return Verdict(
            False, f"Its files were cleared away on {report.cleared_at:%Y-%m-%d}. Ask for it anew."
        )
    return Verdict(True)


def report_url(report: Report) -> str:
    return reverse("admin:payouts_report_change", args=[report.pk])
