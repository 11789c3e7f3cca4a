"""The page that finds a person's case. What is asked for is posted, so that no address and no log ever holds it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse

from kyc.desk import queue_page, words
from kyc.models import KycRecord
from kyc.review import finding
from kyc.review.reading import Purpose
from kyc.vault import VaultError
from lucid_payments import clock
from lucid_payments.accounts.models import User

LONGEST = 200


class FindForm(forms.Form):
    by = forms.ChoiceField(label="Look by", choices=list(finding.BY.items()))
    text = forms.CharField(
        label="What is declared, whole",
        max_length=LONGEST,
        help_text="Capitals and blanks don't matter; a part finds nobody.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autofocus": True}),
    )
    purpose = forms.ChoiceField(label="What for")

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        field = self.fields["purpose"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared four lines above
        field.choices = words.purposes(user)


def context(user: User, data: Any = None) -> dict[str, Any]:
    """The form, and what was found when something was asked for."""
    form = FindForm(user, data)
    found, problem = _found(user, form) if form.is_bound and form.is_valid() else (None, "")
    now = clock.now()
    return {
        "title": "Find a person's case",
        "form": form,
        "problem": problem,
        "asked": found is not None,
        "rows": [queue_page.shown(record, now) for record in found or []],
        "find_url": reverse("admin:kyc_kycrecord_find"),
    }


def _found(user: User, form: FindForm) -> tuple[list[KycRecord] | None, str]:
    given = form.cleaned_data
    try:
        return (
            finding.declaring(given["by"], given["text"], actor=user, purpose=Purpose(given["purpose"])),
            "",
        )
    except VaultError:
        return None, "Nobody can be looked for now: the keys aren't there."
