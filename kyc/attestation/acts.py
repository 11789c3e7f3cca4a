"""What people do to authorities and their keys, and how attestations are taken in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse

from kyc.attestation import importing, keys, signing
from kyc.attestation.keys import AuthorityKeyError
from kyc.models import Attestation, Authority, AuthorityKey, KeyState
from lucid_payments.accounts.roles import Role
from lucid_payments.audit import log
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.clock import LucidNow

ROLES: Final = frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER})


class KeyForm(forms.Form):
    public_key = forms.CharField(
        label="The authority's public key file",
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="Paste the file that `manage.py attestation key` wrote. Its private half never comes here.",
    )

    def clean_public_key(self) -> str:
        text = self.cleaned_data["public_key"].strip()
        try:
            keys.read_public(text)
        except AuthorityKeyError as error:
            raise ValidationError(str(error)) from error
        return str(text)


class AnswerForm(forms.Form):
    signed = forms.CharField(
        label="The signed file",
        max_length=500_000,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
        help_text="Paste the whole file that the authority gave back.",
    )

    def clean_signed(self) -> str:
        try:
            signing.read_answer(self.cleaned_data["signed"])
        except signing.BadFile as error:
            raise ValidationError(str(error)) from error
        return str(self.cleaned_data["signed"])


class AddKey(Act):
    """Two people compare the fingerprint with what the authority told each of them."""

    kind = "authority.add_key"
    title = "Trust an authority's key"
    verb = "Add a key"
    roles = ROLES
    form_class = KeyForm

    def find(self, key: str) -> None:
        """The act makes its subject: it waits for its second person under the key's own name."""

    lock = find

    def label_with(self, subject: None, data: Mapping[str, Any]) -> str:
        authority, x = keys.read_public(data["public_key"])
        return f"{authority}: {keys.thumbprint(x)}"

    def key_with(self, key: str, data: Mapping[str, Any]) -> str:
        return keys.thumbprint(keys.read_public(data["public_key"])[1])

    def needs_second(self, subject: None, data: Mapping[str, Any]) -> bool:
        return True

    def consequences(self, subject: None, data: Mapping[str, Any]) -> list[str]:
        told = [
            "A second person must compare the fingerprint with what the authority told them, and confirm.",
            "The key is pending then: nothing it signed counts before it is activated.",
            "The signer trusts it only when people add it on the signer's machine too (manage.py signer trust).",
        ]
        if data:
            authority, x = keys.read_public(data["public_key"])
            told.insert(0, f"{authority}'s key with the fingerprint {keys.thumbprint(x)} is added.")
        return told

    def check(self, subject: None, data: Mapping[str, Any]) -> None:
        kid = keys.thumbprint(keys.read_public(data["public_key"])[1])
        if AuthorityKey.objects.filter(kid=kid).exists():
            raise ActRefused("This key was added before: a key is added once.")

    def perform(self, subject: None, performance: Performance) -> Outcome:
        self.check(subject, performance.data)
        name, x = keys.read_public(performance.data["public_key"])
        authority, _ = Authority.objects.get_or_create(name=name)
        row = AuthorityKey.objects.create(
            authority=authority,
            kid=keys.thumbprint(x),
            x=x,
            added_by=performance.actor,
            approved_by=performance.second,
        )
        log.record(
            "authority.key_added",
            actor=performance.actor,
            subject=row,
            details={"authority": name, "kid": row.kid, **performance.evidence},
            request_id=performance.request_id,
        )
        return Outcome(f"The key of {name} is added, and pending.", url_of(row))


class KeyAct(Act):
    """From one state of a key to another, by a guarded UPDATE."""

    roles = ROLES
    action: str
    before: frozenset[str]
    after: str
    done: str

    def find(self, key: str) -> AuthorityKey:
        return _key(AuthorityKey.objects.select_related("authority"), key)

    def lock(self, key: str) -> AuthorityKey:
        rows = AuthorityKey.objects.select_for_update(of=("self",)).select_related("authority")
        return _key(rows, key)

    def facts(self, subject: AuthorityKey) -> dict[str, str]:
        return {
            "Authority": subject.authority.name,
            "Fingerprint": subject.kid,
            "State": subject.get_state_display(),
            "Newest attestations by it": str(newest_by(subject)),
        }

    def allowed(self, user: Any, subject: AuthorityKey) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.state not in self.before:
            return Verdict(False, f"The key is {subject.get_state_display().lower()}.")
        return verdict

    def changed(self) -> dict[str, Any]:
        return {}

    def perform(self, subject: AuthorityKey, performance: Performance) -> Outcome:
        rows = AuthorityKey.objects.filter(pk=subject.pk, state__in=self.before)
        if rows.update(state=self.after, **self.changed()) != 1:
            raise ActRefused("Somebody was first: the key has another state by now.")
        log.record(
            self.action,
            actor=performance.actor,
            subject=subject,
            details={"authority": subject.authority.name, "kid": subject.kid, **performance.evidence},
            request_id=performance.request_id,
        )
        return Outcome(self.done, url_of(subject))


class Activate(KeyAct):
    kind = "authority.activate_key"
    title = "Activate an authority's key"
    verb = "Activate"
    action = "authority.key_activated"
    before = frozenset({KeyState.PENDING.value})
    after = KeyState.ACTIVE.value
    done = "The key is active."

    def consequences(self, subject: AuthorityKey, data: Mapping[str, Any]) -> list[str]:
        return [
            "From now on attestations by this key are taken in and paid by.",
            "The authority's key that was active so far becomes retiring: it goes on, until it is revoked.",
            "Payouts by this key are held until the signer trusts it too (manage.py signer trust).",
        ]

    def changed(self) -> dict[str, Any]:
        return {"activated_at": LucidNow()}

    def perform(self, subject: AuthorityKey, performance: Performance) -> Outcome:
        others = AuthorityKey.objects.filter(authority=subject.authority, state=KeyState.ACTIVE)
        others.update(state=KeyState.RETIRING)
        return super().perform(subject, performance)


class Revoke(KeyAct):
    kind = "authority.revoke_key"
    title = "Revoke an authority's key"
    verb = "Revoke"
    action = "authority.key_revoked"
    before = frozenset({KeyState.PENDING.value, KeyState.ACTIVE.value, KeyState.RETIRING.value})
    after = KeyState.REVOKED.value
    done = "The key is revoked."

    def consequences(self, subject: AuthorityKey, data: Mapping[str, Any]) -> list[str]:
        return [
            "For a key that was replaced, and was always the authority's alone.",
            f"What it has signed until now goes on: {newest_by(subject)} nodes are paid by it.",
            "Nothing new by it is taken in. It can't be undone.",
            "Revoke it on the signer's machine too (manage.py signer trust --revoke).",
        ]

    def changed(self) -> dict[str, Any]:
        return {"ended_at": LucidNow()}


class Compromised(KeyAct):
    kind = "authority.compromised_key"
    title = "Declare an authority's key compromised"
    verb = "Declare compromised"
    action = "authority.key_compromised"
    before = frozenset(state for state in KeyState.values if state != KeyState.COMPROMISED)
    after = KeyState.COMPROMISED.value
    done = "The key is compromised: nothing it ever signed counts."

    def consequences(self, subject: AuthorityKey, data: Mapping[str, Any]) -> list[str]:
        return [
            "For a key that somebody else has, or may have. One person is enough.",
            "At once, and whatever their dates say: every attestation by it is void, and "
            f"{newest_by(subject)} nodes' payouts through the KYC router are held.",
            "It can't be undone: the nodes need new attestations by another key.",
            "Declare it on the signer's machine too (manage.py signer trust --compromised).",
        ]

    def changed(self) -> dict[str, Any]:
        return {"ended_at": LucidNow()}


class Import(Act):
    """One person's: what counts is the authority's signature, not who carried it."""

    kind = "attestation.import"
    title = "Take in signed attestations"
    verb = "Take in signed attestations"
    roles = ROLES
    minimum_reason = 0
    form_class = AnswerForm

    def find(self, key: str) -> None:
        if key != acts.NEW:
            raise Http404("no such file")

    lock = find

    def consequences(self, subject: None, data: Mapping[str, Any]) -> list[str]:
        return [
            "Each attestation is verified as if a payout hung on it. What is good is stored and counts at once.",
            "What isn't is refused by itself, with its reason.",
        ]

    def perform(self, subject: None, performance: Performance) -> Outcome:
        told = importing.take_file(
            performance.data["signed"], actor=performance.actor, request_id=performance.request_id
        )
        taken = [one for one in told if not one.why_not]
        if not taken:
            raise ActRefused(" ".join(_line(one) for one in told) or "The file holds no attestation.")
        refused = " ".join(_line(one) for one in told if one.why_not)
        nodes = ", ".join(one.node_id for one in taken)
        return Outcome(
            f"{len(taken)} taken in: {nodes}. {refused}".strip(), reverse("admin:kyc_attestation_changelist")
        )


ADD = acts.register(AddKey())
ON_A_KEY = [acts.register(act) for act in (Activate(), Revoke(), Compromised())]
IMPORT = acts.register(Import())


def url_of(key: AuthorityKey) -> str:
    return reverse("admin:kyc_authoritykey_change", args=[key.kid])


def newest_by(key: AuthorityKey) -> int:
    """How many nodes' newest attestation is by this key."""
    newest = Attestation.objects.order_by("node_id", "-seq").distinct("node_id").values("pk")
    return Attestation.objects.filter(key=key, pk__in=newest).count()


def _line(told: importing.Taken) -> str:
    return f"{told.node_id or 'One'}: {told.why_not}"


def _key(rows: QuerySet[AuthorityKey], kid: str) -> AuthorityKey:
    found = rows.filter(kid=kid).first()
    if found is None:
        raise Http404("no such key")
    return found
