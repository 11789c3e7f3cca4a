"""What staff do to the address book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404
from django.urls import reverse

from kyc.address_field import AddressField
from kyc.addressbook import changing, reading
from kyc.models import AddressEntry
from lucid_payments import clock
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import NEW, Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from payouts.tron import addresses

ROLES: Final = frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER, Role.PAYOUT_APPROVER})
IN_THE_BOOK: Final = "This address stands in the book already."


class EntryForm(forms.Form):
    address = AddressField()
    name = forms.CharField(
        label="Name",
        max_length=60,
        help_text="What staff call it, such as Exchange cold wallet. No person's name.",
    )

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        if AddressEntry.objects.filter(address=address, removed_at=None).exists():
            raise ValidationError(IN_THE_BOOK)
        return address


class AddAddress(Act):
    """The key `new`, or `new:` and the address that is meant."""

    kind = "address.add"
    title = "Add an address to the book"
    verb = "Add an address"
    roles = ROLES
    form_class = EntryForm

    def find(self, key: str) -> str:
        kind, _, address = key.partition(":")
        if kind != NEW or (address and not addresses.is_valid(address)):
            raise Http404("no such page")
        return address

    lock = find

    def initial(self, subject: Any) -> dict[str, Any]:
        return {"address": subject}

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        told = [
            f"It counts as known in {settings.COOLING_OFF_HOURS} hours, or as soon as another person confirms it.",
            "Payouts to a known address aren't held for being its first.",
        ]
        alike = reading.look_alikes([data["address"]]).get(data["address"], []) if data else []
        return [
            *(f"Careful: its ends are those of {other}, which is another address." for other in alike),
            *told,
        ]

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        data = performance.data
        try:
            entry = changing.add(
                address=data["address"], name=data["name"], actor=performance.actor, evidence=performance.evidence,
                request_id=performance.request_id,
            )  # fmt: skip
        except changing.InTheBook:
            raise ActRefused(IN_THE_BOOK) from None
        return Outcome("It is in the book. Another person can confirm it now.", url_of(entry))


class EntryAct(Act):
    """An act on one entry."""

    roles = ROLES

    def find(self, key: str) -> AddressEntry:
        return _entry(AddressEntry.objects.select_related("added_by", "confirmed_by"), key)

    def lock(self, key: str) -> AddressEntry:
        return _entry(AddressEntry.objects.select_for_update(of=("self",)).select_related("added_by"), key)

    def label(self, subject: AddressEntry) -> str:
        return subject.name

    def facts(self, subject: AddressEntry) -> dict[str, str]:
        return {
            "Address": subject.address,
            "Name": subject.name,
            "Added by": subject.added_by.get_username(),
            "State": state_in_words(subject),
        }

    def version(self, subject: AddressEntry) -> str:
        """That its time is over meanwhile changes nothing about the act."""
        return acts.fingerprint(
            {
                "address": subject.address,
                "confirmed": subject.confirmed_by_id,
                "over": bool(subject.removed_at),
            }
        )

    def allowed(self, user: Any, subject: AddressEntry) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.removed_at is not None:
            return Verdict(False, "It was removed.")
        return verdict if not verdict else self.fits(user, subject)

    def fits(self, user: Any, subject: AddressEntry) -> Verdict:
        return acts.ALLOWED


class ConfirmAddress(EntryAct):
    kind = "address.confirm"
    title = "Confirm an address"
    verb = "Confirm"

    def fits(self, user: Any, subject: AddressEntry) -> Verdict:
        if subject.confirmed_by_id is not None:
            return Verdict(False, "It is confirmed.")
        if subject.added_by_id == user.pk:
            return Verdict(False, "You added it: another person confirms it.")
        return acts.ALLOWED

    def consequences(self, subject: AddressEntry, data: Mapping[str, Any]) -> list[str]:
        alike = reading.look_alikes([subject.address]).get(subject.address, [])
        return [
            *(f"Careful: its ends are those of {other}, which is another address." for other in alike),
            "It counts as known at once: payouts that wait for its cooling-off time may go.",
        ]

    def perform(self, subject: AddressEntry, performance: Performance) -> Outcome:
        done = changing.confirm(
            subject, actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id
        )
        if not done:
            raise ActRefused("Somebody was first. Nothing was done.")
        return Outcome("Confirmed. It counts from now on.", url_of(subject))


class RemoveAddress(EntryAct):
    kind = "address.remove"
    title = "Remove an address from the book"
    verb = "Remove"

    def consequences(self, subject: AddressEntry, data: Mapping[str, Any]) -> list[str]:
        return ["Unless it was paid before, large payouts to it are held as to any new address."]

    def perform(self, subject: AddressEntry, performance: Performance) -> Outcome:
        done = changing.remove(
            subject, actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id
        )
        if not done:
            raise ActRefused("Somebody was first. Nothing was done.")
        return Outcome("Removed.", url_of(subject))


def state_in_words(entry: AddressEntry) -> str:
    if entry.removed_at is not None:
        return "Removed"
    if entry.confirmed_by_id is not None:
        return "Confirmed"
    return (
        "Counts" if entry.counts(clock.now()) else f"Cooling off until {entry.counts_from:%Y-%m-%d %H:%M} UTC"
    )


def url_of(entry: AddressEntry) -> str:
    return reverse("admin:kyc_addressentry_change", args=[entry.pk])


def _entry(rows: Any, key: str) -> AddressEntry:
    readable = key.isascii() and key.isdigit() and len(key) < 19
    found: AddressEntry | None = rows.filter(pk=key).first() if readable else None
    if found is None:
        raise Http404("no such entry")
    return found


ADD = acts.register(AddAddress())
CONFIRM = acts.register(ConfirmAddress())
ON_AN_ENTRY = (CONFIRM, acts.register(RemoveAddress()))
