"""The acts on reconciliation: asking for a run, and explaining a case, which takes two people where money is booked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404
from django.urls import reverse

from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import NEW, Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from payouts.models.reconciliation import (
    CaseKind,
    CaseState,
    ReconciliationCase,
    ReconciliationRun,
    RunTrigger,
)
from payouts.reconciliation import cases, places, runs
from payouts.reconciliation.errors import Refused

LEAVE: Final = "leave"
BOOK: Final = "book"
_WHERE: Final = "A block's number, or a day or time in UTC such as 2026-11-01 or 2026-11-01T12:00."


class RangeForm(forms.Form):
    first = forms.CharField(
        label="From (leave empty to compare what is new, as every hour)",
        max_length=30,
        required=False,
        help_text=_WHERE,
    )
    last = forms.CharField(
        label="To, not included where it is a time (empty: up to now)",
        max_length=30,
        required=False,
        help_text=_WHERE,
    )

    def clean_first(self) -> str:
        return self._place("first")

    def clean_last(self) -> str:
        return self._place("last")

    def _place(self, name: str) -> str:
        text: str = self.cleaned_data[name]
        try:
            places.read(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return text


class ReconcileNow(Act):
    kind = "reconciliation.run"
    title = "Reconcile chain and books"
    verb = "Reconcile now"
    minimum_reason = 0
    form_class = RangeForm

    def find(self, key: str) -> ReconciliationRun | None:
        """The run that is open; the act makes its own."""
        if key != NEW:
            raise Http404("no such page")
        return runs.waiting()

    lock = find

    def label(self, subject: Any) -> str:
        return ""

    def version(self, subject: ReconciliationRun | None) -> str:
        """Whatever run came and went meanwhile: asking for another one is the same."""
        return acts.fingerprint({})

    def facts(self, subject: ReconciliationRun | None) -> dict[str, str]:
        last = runs.latest_whole()
        if last is None:
            return {"Last answer": "none yet"}
        ended = f"{last.ended_at:%Y-%m-%d %H:%M:%S} UTC" if last.ended_at else formats.NOTHING
        return {
            "Last answer": last.get_state_display(),
            "Ended": ended,
            "Compared up to block": str(last.to_block),
        }

    def allowed(self, user: Any, subject: ReconciliationRun | None) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject is not None:
            return Verdict(False, f"{subject} is {subject.get_state_display().lower()}: one at a time.")
        return verdict

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        return [
            "A worker compares the treasury's final transfers and balances with the ledger; this takes seconds.",
            "With a range it reads each of its blocks, two calls to a node for one: a day is 28,800 blocks.",
            "What came in is booked. Value that left and isn't ours pulls the kill switch.",
        ]

    def check(self, subject: Any, data: Mapping[str, Any]) -> None:
        first, last = places.read(data.get("first", "")), places.read(data.get("last", ""))
        if type(first) is type(last) and first is not None and last is not None and first > last:  # type: ignore[operator]
            raise ActRefused("The range ends before it begins.")

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        data = performance.data
        self.check(subject, data)
        run = runs.ask(
            RunTrigger.ADMIN,
            actor=performance.actor,
            actor_label=performance.actor.get_username(),
            wanted=places.between(places.read(data.get("first", "")), places.read(data.get("last", ""))),
            reason=performance.reason,
            request_id=performance.request_id,
        )
        return Outcome(f"{run} is asked for. Reload its page to see how far it is.", run_url(run))


class ExplainForm(forms.Form):
    book = forms.ChoiceField(
        label="The books",
        choices=[(LEAVE, "Leave them as they are"), (BOOK, "Set them right, with a second person")],
        widget=forms.RadioSelect,
    )


class ExplainCase(Act):
    kind = "reconciliation.explain"
    title = "Explain a difference"
    verb = "Explain"
    minimum_reason = 20
    form_class = ExplainForm

    def find(self, key: str) -> ReconciliationCase:
        return _case(ReconciliationCase.objects.filter(pk=_number(key)).first())

    def lock(self, key: str) -> ReconciliationCase:
        rows = ReconciliationCase.objects.select_for_update(of=("self",))
        return _case(rows.filter(pk=_number(key)).first())

    def initial(self, subject: ReconciliationCase) -> dict[str, Any]:
        return {"book": LEAVE}

    def facts(self, subject: ReconciliationCase) -> dict[str, str]:
        off = cases.correction(subject)
        told = {
            "Difference": subject.get_kind_display(),
            "Chain less books": f"{formats.usdt(subject.difference)} {subject.currency}",
            "State": subject.get_state_display(),
            "The books are off by": words_of(off),
        }
        return told | ({"Transaction": subject.txid} if subject.txid else {})

    def allowed(self, user: Any, subject: ReconciliationCase) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.state != CaseState.OPEN:
            return Verdict(False, "This case is closed.")
        if verdict and subject.kind in cases.BOOKED_ELSEWHERE and cases.correction(subject):
            return Verdict(False, cases.ELSEWHERE)
        return verdict

    def consequences(self, subject: ReconciliationCase, data: Mapping[str, Any]) -> list[str]:
        off = cases.correction(subject)
        told = ["The case is closed, with your reason. What it found stays, and isn't reported again."]
        if data.get("book", BOOK) == BOOK and off:
            told.append(f"Where the books are set right, the treasury's accounts change by {words_of(off)}.")
        if subject.kind in (CaseKind.UNKNOWN_OUTGOING, CaseKind.BALANCE_DIFFERS):
            told.append("The kill switch stays as it is: two people release it.")
        return told

    def needs_second(self, subject: ReconciliationCase, data: Mapping[str, Any]) -> bool:
        return data.get("book") == BOOK

    def check(self, subject: ReconciliationCase, data: Mapping[str, Any]) -> None:
        if data["book"] == BOOK and not cases.correction(subject):
            raise ActRefused("The books agree with this case: there is nothing to set right.")

    def perform(self, subject: ReconciliationCase, performance: Performance) -> Outcome:
        try:
            cases.explain(
                subject,
                reason=performance.reason,
                actor=performance.actor,
                confirmer=performance.confirmer,
                book=performance.data["book"] == BOOK,
                request_id=performance.request_id,
            )
        except Refused as refused:
            raise ActRefused(str(refused)) from None
        return Outcome(f"{subject} is closed.", case_url(subject))


RUN = acts.register(ReconcileNow())
EXPLAIN = acts.register(ExplainCase())


def words_of(off: cases.Correction) -> str:
    """Amounts with their signs; nothing where the books agree."""
    parts = [
        f"{'+' if amount > 0 else '-'}{formats.usdt(abs(amount))} {unit}"
        for amount, unit in ((off.usdt, "USDT"), (off.trx, "TRX"))
        if amount
    ]
    return ", ".join(parts) or "nothing"


def run_url(run: ReconciliationRun) -> str:
    return reverse("admin:payouts_reconciliationrun_change", args=[run.pk])


def case_url(case: ReconciliationCase) -> str:
    return reverse("admin:payouts_reconciliationcase_change", args=[case.pk])


def _number(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise Http404("no such case")
    return int(key)


def _case(row: ReconciliationCase | None) -> ReconciliationCase:
    if row is None:
        raise Http404("no such case")
    return row
