"""What staff do to wallets: two people vouch for an address, one takes a wallet away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.conf import settings
from django.http import Http404
from django.urls import reverse

from kyc.address_field import AddressField
from kyc.models import Node, Wallet
from kyc.wallets import changing
from kyc.wallets.changing import Owner
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import BACK_OFFICE, Role
from lucid_payments.api.errors import LucidError, RecipientNotAccepted
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import NEW, Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict

ROLES: Final = frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER})
_USER, _NODE = "user", "node"


class WalletForm(forms.Form):
    whose = forms.ChoiceField(label="Whose", choices=[(_USER, "A user's"), (_NODE, "A node's")])
    name = forms.CharField(label="User name, or node id", max_length=150)
    address = AddressField(
        help_text="Whole, from a source that you trust: not from the e-mail that asks for the change."
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "whose" in cleaned and "name" in cleaned:
            try:
                owner = owner_of(cleaned)
            except ActRefused as refused:
                self.add_error("name", str(refused))
            else:
                self._screen(owner, cleaned.get("address"))
        return cleaned

    def _screen(self, owner: Owner, address: str | None) -> None:
        """Here and not in the act: what a refusal opens a case of must outlive the refused transaction."""
        if address is not None:
            try:
                changing.require_acceptable(owner, address)
            except RecipientNotAccepted:
                self.add_error("address", "This address isn't accepted. Screening has a case of it.")


class SetWallet(Act):
    kind = "wallet.set"
    title = "Set a wallet"
    verb = "Set a wallet"
    roles = ROLES
    form_class = WalletForm

    def find(self, key: str) -> None:
        if key.partition(":")[0] != NEW:
            raise Http404("no such page")

    lock = find

    def label_with(self, subject: Any, data: Mapping[str, Any]) -> str:
        return f"{data['whose']} {data['name']}"

    def key_with(self, key: str, data: Mapping[str, Any]) -> str:
        return f"{NEW}:{data['whose']}:{data['name']}"[:200]

    def needs_second(self, subject: Any, data: Mapping[str, Any]) -> bool:
        return True

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        hours = settings.COOLING_OFF_HOURS
        if not data:
            return [f"A second person must confirm. The address counts {hours} hours after that, not before."]
        owner = owner_of(data)
        before = changing.current(owner)
        void = (
            [f"{before.address} is void at once: {owner} has no wallet until the new one counts."]
            if before
            else []
        )
        return [
            *void,
            f"{data['address']} becomes the wallet of {owner}, and counts {hours} hours after the confirmation.",
            "The owner is told at once, without the address.",
        ]

    def check(self, subject: Any, data: Mapping[str, Any]) -> None:
        before = changing.current(owner_of(data))
        if before is not None and before.address == data["address"]:
            raise ActRefused("This is the owner's wallet already.")
        try:
            changing.check_address(data["address"])
        except LucidError as error:
            raise ActRefused(f"This address isn't accepted: {_words(error)}") from error

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        owner = owner_of(performance.data)
        try:
            # A list may have come into force since it was asked for. The case of it is kept: nothing is undone here.
            changing.require_acceptable(owner, performance.data["address"])
        except RecipientNotAccepted:
            return Outcome("Not set: this address isn't accepted any more. Screening has a case of it.")
        try:
            wallet = changing.confirm(
                owner, actor=performance.actor, confirmer=performance.second, address=performance.data["address"],
                evidence=performance.evidence, request_id=performance.request_id,
            )  # fmt: skip
        except LucidError as error:
            raise ActRefused(f"This address isn't accepted: {_words(error)}") from error
        return Outcome(f"Set. It counts from {wallet.counts_from:%Y-%m-%d %H:%M} UTC.", url_of(wallet))


class WithdrawWallet(Act):
    kind = "wallet.withdraw"
    title = "Withdraw a wallet"
    verb = "Withdraw"
    roles = ROLES

    def find(self, key: str) -> Wallet:
        return _wallet(Wallet.objects.select_related("user", "node__operator__user"), key)

    def lock(self, key: str) -> Wallet:
        rows = Wallet.objects.select_for_update(of=("self",))
        return _wallet(rows.select_related("user", "node__operator__user"), key)

    def facts(self, subject: Wallet) -> dict[str, str]:
        return {
            "Owner": str(Owner(subject.user, subject.node)),
            "Address": subject.address,
            "State": state_in_words(subject),
        }

    def version(self, subject: Wallet) -> str:
        """That its cooling-off time ends meanwhile changes nothing about the act."""
        return acts.fingerprint({"address": subject.address, "over": subject.ended_at is not None})

    def allowed(self, user: Any, subject: Wallet) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.ended_at is not None:
            return Verdict(False, "It is over already.")
        return verdict

    def consequences(self, subject: Wallet, data: Mapping[str, Any]) -> list[str]:
        return ["The owner has no wallet from now on, until another one is proven. The owner is told."]

    def perform(self, subject: Wallet, performance: Performance) -> Outcome:
        done = changing.withdraw(
            subject, actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id
        )
        if not done:
            raise ActRefused("Somebody was first. Nothing was done.")
        return Outcome("Withdrawn.", url_of(subject))


def owner_of(data: Mapping[str, Any]) -> Owner:
    """The owner that an act's answers name. Raises ActRefused."""
    if data["whose"] == _NODE:
        node = Node.objects.select_related("operator__user").filter(node_id=data["name"]).first()
        if node is None:
            raise ActRefused("There is no node with this id.")
        return Owner(node=node)
    user = User.objects.filter(username=data["name"]).exclude(role__in=BACK_OFFICE - {Role.ADMIN}).first()
    if user is None:
        raise ActRefused("There is no user of this name who could be paid.")
    return Owner(user=user)


def state_in_words(wallet: Wallet) -> str:
    if wallet.ended_at is not None:
        return wallet.get_end_display()
    return (
        "Counts"
        if wallet.counts(clock.now())
        else f"Cooling off until {wallet.counts_from:%Y-%m-%d %H:%M} UTC"
    )


def url_of(wallet: Wallet) -> str:
    return reverse("admin:kyc_wallet_change", args=[wallet.pk])


def _words(error: LucidError) -> str:
    return " ".join(str(sentence) for found in error.details.values() for sentence in found) or error.message


def _wallet(rows: Any, key: str) -> Wallet:
    found: Wallet | None = (
        rows.filter(pk=key).first() if key.isascii() and key.isdigit() and len(key) < 19 else None
    )
    if found is None:
        raise Http404("no such wallet")
    return found


SET = acts.register(SetWallet())
WITHDRAW = acts.register(WithdrawWallet())
