"""Searching the chain: one person asks, a worker does it, and what it shows is evidence for the acts of two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import Http404
from django.urls import reverse

from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from payouts import cases
from payouts.models.cases import CaseKind, ManualCase


class SearchForm(forms.Form):
    first_block = forms.IntegerField(label="First block", min_value=1)
    last_block = forms.IntegerField(
        label="Last block",
        min_value=1,
        required=False,
        help_text=f"At most {cases.LONGEST_SEARCH} blocks. Empty: up to the first block past the expiration.",
    )
    nodes = forms.MultipleChoiceField(label="Nodes whose blocks are read", help_text="All are asked by id.")
    elsewhere = forms.CharField(
        label="What another source showed",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Needed where fewer of our operators answer than the rules ask for: which explorer or node of"
        " somebody else's you searched, which blocks, and what it showed.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = cases.node_names()
        self.fields["nodes"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.fields["nodes"].widget.attrs["size"] = str(len(names))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("first_block"), cleaned.get("last_block")
        if first and last and not first <= last < first + cases.LONGEST_SEARCH:
            self.add_error("last_block", f"From the first block on, at most {cases.LONGEST_SEARCH}.")
        return cleaned


class Search(Act):
    """Changes nothing but what is known; its key is the case."""

    kind = "case.search"
    title = "Search the chain"
    verb = "Search the chain"
    form_class = SearchForm

    def find(self, key: str) -> ManualCase:
        return _case(key, ManualCase.objects.select_related("payout", "attempt"))

    def lock(self, key: str) -> ManualCase:
        return _case(key, ManualCase.objects.select_for_update())

    def label(self, subject: ManualCase) -> str:
        return label_of(subject)

    def facts(self, subject: ManualCase) -> dict[str, str]:
        return facts_of(subject)

    def allowed(self, user: Any, subject: ManualCase) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.closed_at is not None:
            return Verdict(False, "This case is closed.")
        return verdict

    def initial(self, subject: ManualCase) -> dict[str, Any]:
        return {
            "first_block": subject.first_block,
            "last_block": subject.last_block,
            "nodes": cases.node_names(),
        }

    def consequences(self, subject: ManualCase, data: Mapping[str, Any]) -> list[str]:
        return [
            "A worker reads these final blocks at the nodes you name, and asks every node by id.",
            "What each node says is kept for ever as evidence. No payout and no book changes by it.",
            f"For {formats.span(cases.FRESH)} two people may decide by it.",
        ]

    def check(self, subject: ManualCase, data: Mapping[str, Any]) -> None:
        if subject.kind == CaseKind.UNKNOWN_TRANSFER and not data.get("last_block"):
            raise ActRefused("Name the last block: nothing here has an expiration to search up to.")

    def perform(self, subject: ManualCase, performance: Performance) -> Outcome:
        data = performance.data
        self.check(subject, data)
        cases.ask_search(
            subject,
            first=data["first_block"],
            last=data["last_block"],
            nodes=list(data["nodes"]),
            elsewhere=data["elsewhere"],
            actor=performance.actor,
            reason=performance.reason,
        )
        return Outcome("The chain is being searched: look again in a moment.", case_url(subject))


def case_url(case: ManualCase) -> str:
    return reverse("admin:payouts_manualcase_change", args=[case.pk])


def label_of(case: ManualCase) -> str:
    return f"case {case.pk}" + (f", {case.payout}" if case.payout else "")


def facts_of(case: ManualCase) -> dict[str, str]:
    """What a case is about, in words; changes with what it is about."""
    facts = {
        "Case": f"{case.pk}, {CaseKind(case.kind).label.lower()}",
        "Since (UTC)": f"{case.opened_at:%Y-%m-%d %H:%M:%S}",
        "State": "closed" if case.closed_at else "open",
        "Amount": f"{formats.usdt(case.amount)} USDT",
        "Transaction": case.txid or formats.NOTHING,
    }
    if case.payout and case.attempt:
        facts |= {
            "Payout": case.payout.payout_id,
            "Payout's status": case.payout.get_status_display(),
            "Recipient": case.payout.recipient_address,
            "Attempt": f"{case.attempt.number}, {case.attempt.get_state_display().lower()}",
        }
    return facts


def _case(key: str, rows: Any) -> ManualCase:
    found: ManualCase | None = rows.filter(pk=key).first() if key.isdecimal() else None
    if found is None:
        raise Http404("no such case")
    return found


SEARCH = acts.register(Search())
