"""The acts on API clients: their accounts, what they are held to, and their machines' keys."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse

from lucid_payments.accounts import clients, machine_keys, staff
from lucid_payments.accounts.models import Client, MachineKey
from lucid_payments.accounts.roles import CLIENTS, PERMISSIONS, Role
from lucid_payments.accounts.staff_acts import FIRST, CreateAccount, FreeNameForm
from lucid_payments.api.body_signatures import NoKey, public_key
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict

_ROLES: Final = [(role.value, role.label) for role in Role if role in CLIENTS]
_SCOPES: Final = {
    "payment:create": "Create payouts",
    "payment:read": "Read a payout",
    "payment:list": "List payouts",
    "payment:stats": "Read figures",
    "work:report": "Report nodes' work (Blockchain Core)",
    "kyc:apply": "Apply to be verified",
}
LONGEST_DAYS: Final = 730


class ClientForm(FreeNameForm):
    role = forms.ChoiceField(label="Role", choices=_ROLES)


class TermsForm(forms.Form):
    rate_factor = forms.IntegerField(
        label="Requests, times the usual",
        min_value=1,
        max_value=1000,
        help_text="1 is the documented limit: 10 creations a minute, 60 reads, and so on.",
    )
    needs_idempotency_key = forms.BooleanField(
        label="Every POST must carry an Idempotency-Key", required=False
    )
    needs_reference = forms.BooleanField(label="Every payout must carry a reference_id", required=False)


class FactKeyForm(forms.Form):
    key = forms.CharField(
        label="Ed25519 public key",
        required=False,
        max_length=500,
        help_text="Its 32 bytes in base64url (43 characters), or its JWK. Empty: none.",
    )
    needed = forms.BooleanField(label="Every event must be signed", required=False)

    def clean_key(self) -> str:
        try:
            return public_key(self.cleaned_data["key"]) if self.cleaned_data["key"].strip() else ""
        except NoKey as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("needed") and given.get("key") == "":
            self.add_error("needed", "Without a key nothing can be signed.")
        return given


class KeyForm(forms.Form):
    name = forms.CharField(label="Key's name", max_length=80, help_text="Which machine or program has it.")
    scopes = forms.MultipleChoiceField(
        label="May",
        choices=list(_SCOPES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text="Never more than the client's role allows.",
    )
    days = forms.IntegerField(
        label="Works for so many days", min_value=1, max_value=LONGEST_DAYS, initial=365
    )
    networks = forms.CharField(
        label="Only from these networks",
        required=False,
        max_length=500,
        help_text="For example 10.0.0.0/24, several with commas. Empty: from anywhere. A Tor circuit has no address.",
    )

    def clean_networks(self) -> list[str]:
        given = [part.strip() for part in self.cleaned_data["networks"].split(",") if part.strip()]
        try:
            return [str(ipaddress.ip_network(part)) for part in given]
        except ValueError as error:
            raise ValidationError(f"This isn't a network: {error}.") from error


class CreateClient(CreateAccount):
    kind = "client.create"
    title = "Create an API client"
    verb = "Create an API client"
    form_class = ClientForm

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        return [
            "A second administrator must confirm; until then there is no client.",
            "It can do nothing before it has a key, which needs two people again.",
        ]

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        data = performance.data
        self.check(subject, data)
        client = clients.create(
            name=data["name"], role=data["role"], created_by=performance.actor,
            confirmed_by=performance.confirmer, evidence=performance.evidence, request_id=performance.request_id,
        )  # fmt: skip
        return Outcome(f"The client {client} is there. Next it needs a key.", url_of(client))


class ClientAct(Act):
    """An act on one client's account."""

    def find(self, key: str) -> Client:
        return _client(Client.objects.all(), key)

    def lock(self, key: str) -> Client:
        return _client(Client.objects.select_for_update(of=("self",)), key)

    def facts(self, subject: Client) -> dict[str, str]:
        return {
            "Client": subject.get_username(),
            "Role": subject.get_role_display(),
            "Account": "active" if subject.is_active else "closed",
            **clients.terms_in_words(subject),
        }

    def allowed(self, user: Any, subject: Client) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        return verdict if not verdict else self.fits(subject)

    def fits(self, subject: Client) -> Verdict:
        return acts.ALLOWED if subject.is_active else Verdict(False, "This client is closed.")


class ChangeTerms(ClientAct):
    kind = "client.terms"
    title = "Change what a client is held to"
    verb = "Change the terms"
    form_class = TermsForm

    def initial(self, subject: Client) -> dict[str, Any]:
        return clients.terms_of(subject)

    def consequences(self, subject: Client, data: Mapping[str, Any]) -> list[str]:
        if not data:
            return ["It holds from the client's next request on."]
        changed = clients.changes(subject, data)
        return [f"{label}: {before} becomes {after}." for label, before, after in changed]

    def check(self, subject: Client, data: Mapping[str, Any]) -> None:
        if not clients.changes(subject, data):
            raise ActRefused("Nothing of this differs from what holds already.")

    def perform(self, subject: Client, performance: Performance) -> Outcome:
        clients.change_terms(
            subject, performance.data, actor=performance.actor, evidence=performance.evidence,
            request_id=performance.request_id,
        )  # fmt: skip
        return Outcome(f"The terms of {subject} are changed.", url_of(subject))


class SetFactKey(ClientAct):
    """Whose signature counts for what Blockchain Core says: two people decide it."""

    kind = "client.fact_key"
    title = "Set the key that signs a client's events"
    verb = "Set the signing key"
    form_class = FactKeyForm

    def fits(self, subject: Client) -> Verdict:
        if subject.role != Role.SERVICE:
            return Verdict(False, "Services alone tell events.")
        return super().fits(subject)

    def initial(self, subject: Client) -> dict[str, Any]:
        return {"key": subject.fact_key, "needed": subject.needs_signature}

    def consequences(self, subject: Client, data: Mapping[str, Any]) -> list[str]:
        told = ["A second administrator must confirm. It holds from the client's next request on."]
        if not data:
            return told
        if not data["key"]:
            return [*told, "Signed events are refused: there is no key to verify them by."]
        need = "Every event must be signed with it" if data["needed"] else "Events may be signed with it"
        return [*told, f"{need}; what another key signed is refused."]

    def needs_second(self, subject: Client, data: Mapping[str, Any]) -> bool:
        return True

    def check(self, subject: Client, data: Mapping[str, Any]) -> None:
        if (subject.fact_key, subject.needs_signature) == (data["key"], data["needed"]):
            raise ActRefused("Nothing of this differs from what holds already.")

    def perform(self, subject: Client, performance: Performance) -> Outcome:
        data = performance.data
        self.check(subject, data)
        clients.sign_facts_by(
            subject, data["key"], needed=data["needed"], actor=performance.actor,
            evidence=performance.evidence, request_id=performance.request_id,
        )  # fmt: skip
        return Outcome(f"The signing key of {subject} is set.", url_of(subject))


class CloseClient(ClientAct):
    kind = "client.close"
    title = "Close an API client"
    verb = "Close the client"

    def consequences(self, subject: Client, data: Mapping[str, Any]) -> list[str]:
        return [
            "At once: every key and token of this client fails at its next request.",
            "Payouts that it has asked for go on. Opening it again needs two people.",
        ]

    def perform(self, subject: Client, performance: Performance) -> Outcome:
        done = staff.deactivate(
            subject, actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id
        )
        if not done:
            raise ActRefused(FIRST)
        return Outcome(f"{subject} is closed.", url_of(subject))


class ReopenClient(ClientAct):
    kind = "client.reopen"
    title = "Open an API client again"
    verb = "Open again"

    def fits(self, subject: Client) -> Verdict:
        return Verdict(False, "This client is open.") if subject.is_active else acts.ALLOWED

    def consequences(self, subject: Client, data: Mapping[str, Any]) -> list[str]:
        return ["Its keys that are neither revoked nor expired work again; a password it had does not."]

    def needs_second(self, subject: Client, data: Mapping[str, Any]) -> bool:
        return True

    def perform(self, subject: Client, performance: Performance) -> Outcome:
        done = staff.reactivate(
            subject, actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id
        )
        if not done:
            raise ActRefused(FIRST)
        return Outcome(f"{subject} is open again.", url_of(subject))


class CreateKey(ClientAct):
    kind = "key.create"
    title = "Create a machine's key"
    verb = "Create a key"
    form_class = KeyForm

    def consequences(self, subject: Client, data: Mapping[str, Any]) -> list[str]:
        told = [
            "A second administrator must confirm. After that you make the secret, which is shown to you once."
        ]
        if data:
            may = ", ".join(_SCOPES[scope].lower() for scope in data["scopes"])
            where = ", ".join(data["networks"]) or "anywhere"
            told.append(f"Whoever has the key may: {may}; for {data['days']} days, from {where}.")
        return told

    def needs_second(self, subject: Client, data: Mapping[str, Any]) -> bool:
        return True

    def check(self, subject: Client, data: Mapping[str, Any]) -> None:
        beyond = [
            _SCOPES[scope].lower() for scope in data["scopes"] if scope not in PERMISSIONS[subject.role]
        ]
        if beyond:
            raise ActRefused(f"The role {subject.get_role_display().lower()} may not: {', '.join(beyond)}.")
        if MachineKey.objects.filter(user=subject, name=data["name"]).exists():
            raise ActRefused("The client has, or had, a key of this name: choose another.")

    def perform(self, subject: Client, performance: Performance) -> Outcome:
        self.check(subject, performance.data)
        if performance.confirmer is None:
            raise ActRefused("A second administrator must confirm.")
        data = performance.data
        key = machine_keys.create(
            subject, name=data["name"], scopes=data["scopes"], networks=data["networks"], days=data["days"],
            created_by=performance.actor, confirmed_by=performance.confirmer, evidence=performance.evidence,
            request_id=performance.request_id,
        )  # fmt: skip
        return Outcome(
            f"The key {key.name} is agreed on. {key.created_by} makes its secret.", url_of(subject)
        )


class KeyAct(Act):
    """An act on one key."""

    def find(self, key: str) -> MachineKey:
        return _key(MachineKey.objects.select_related("user", "created_by"), key)

    def lock(self, key: str) -> MachineKey:
        rows = MachineKey.objects.select_for_update(of=("self",)).select_related("user", "created_by")
        return _key(rows, key)

    def facts(self, subject: MachineKey) -> dict[str, str]:
        return {
            "Client": subject.user.get_username(),
            "Key": subject.name,
            "May": ", ".join(_SCOPES[scope].lower() for scope in subject.scopes),
            "Works until": f"{subject.expires_at:%Y-%m-%d %H:%M} UTC",
            "Secret": "made" if subject.digest else "not made yet",
            "Revoked": "yes" if subject.revoked_at else "no",
        }

    def allowed(self, user: Any, subject: MachineKey) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.revoked_at is not None:
            return Verdict(False, "This key is revoked.")
        return verdict


class MakeSecret(KeyAct):
    kind = "key.secret"
    title = "Make a key's secret"
    verb = "Make the secret"
    minimum_reason = 0

    def allowed(self, user: Any, subject: MachineKey) -> Verdict:
        verdict = super().allowed(user, subject)
        if verdict and subject.digest is not None:
            return Verdict(False, "The secret was made already, and shown once.")
        if verdict and subject.created_by_id != user.pk:
            return Verdict(False, "Only who asked for the key makes its secret.")
        return verdict

    def consequences(self, subject: MachineKey, data: Mapping[str, Any]) -> list[str]:
        return ["It is shown to you this once and kept nowhere. Put it where its machine reads secrets."]

    def perform(self, subject: MachineKey, performance: Performance) -> Outcome:
        secret = machine_keys.make_secret(subject, actor=performance.actor, request_id=performance.request_id)
        if secret is None:
            raise ActRefused(FIRST)
        return Outcome("Shown this once:", url_of(subject.user), ((f"Key {subject.name}", secret),))


class RevokeKey(KeyAct):
    kind = "key.revoke"
    title = "Revoke a key"
    verb = "Revoke"

    def consequences(self, subject: MachineKey, data: Mapping[str, Any]) -> list[str]:
        return [
            "At once: the key opens nothing, and the tokens it was exchanged for fail at their next request."
        ]

    def perform(self, subject: MachineKey, performance: Performance) -> Outcome:
        done = machine_keys.revoke(
            subject, actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id
        )
        if not done:
            raise ActRefused(FIRST)
        return Outcome(f"The key {subject.name} is revoked.", url_of(subject.user))


CREATE = acts.register(CreateClient())
ON_A_CLIENT = [
    acts.register(act) for act in (CreateKey(), SetFactKey(), ChangeTerms(), CloseClient(), ReopenClient())
]
ON_A_KEY = [acts.register(act) for act in (MakeSecret(), RevokeKey())]


def url_of(client: Any) -> str:
    return reverse("admin:accounts_client_change", args=[client.public_id])


def _client(rows: QuerySet[Client], key: str) -> Client:
    client = rows.filter(public_id=_uuid(key), role__in=CLIENTS).first()
    if client is None:
        raise Http404("no such client")
    return client


def _key(rows: QuerySet[MachineKey], key: str) -> MachineKey:
    found = rows.filter(public_id=_uuid(key)).first()
    if found is None:
        raise Http404("no such key")
    return found


def _uuid(key: str) -> uuid.UUID:
    try:
        return uuid.UUID(key)
    except ValueError:
        raise Http404("no such page") from None
