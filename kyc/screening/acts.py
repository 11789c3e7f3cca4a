"""The back office's acts on lists and cases; importing this registers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from django import forms
from django.http import Http404
from django.urls import reverse

from kyc.models import CaseState, EntryKind, Grade, ListState, ListVersion, ScreeningCase
from kyc.screening import activation, cases, freshness, judgement, rescreening
from lucid_payments import clock, locks
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict

# Who minds lists; and who decides about people.
LIST_ROLES: Final = frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER})
CASE_ROLES: Final = frozenset({Role.COMPLIANCE_OFFICER})


class Activate(Act):
    """Its key is the version's."""

    kind = "list.activate"
    title = "Put a list in force"
    verb = "Put it in force"
    roles = LIST_ROLES

    def find(self, key: str) -> ListVersion:
        return _version(ListVersion.objects.filter(pk=key).first() if key.isdecimal() else None)

    def lock(self, key: str) -> ListVersion:
        return _version(activation.locked(int(key)) if key.isdecimal() else None)

    def facts(self, subject: ListVersion) -> dict[str, str]:
        before = _in_force(subject.list_name)
        return {
            "List": str(subject),
            "State": subject.get_state_display(),
            "Uploaded by": subject.uploaded_by.get_username()
            if subject.uploaded_by
            else "fetched by the system",
            "Published on": str(subject.published_on or "unknown"),
            "SHA-256": subject.file_sha256,
            "Addresses, names, quarantined rows": f"{subject.addresses:,}, {subject.names:,}, {subject.quarantined:,}",
            "In force now": f"version {before.number} of {before.published_on}" if before else "none",
        }

    def allowed(self, user: Any, subject: ListVersion) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if not verdict:
            return verdict
        if subject.state != ListState.CHECKED:
            return Verdict(False, f"This version is {subject.get_state_display().lower()}.")
        if subject.uploaded_by_id == user.pk:
            return Verdict(False, "You uploaded it: somebody else puts it in force.")
        before = _in_force(subject.list_name)
        if before is not None and before.number > subject.number:
            return Verdict(False, f"Version {before.number}, which came later, is in force.")
        return acts.ALLOWED

    def needs_second(self, subject: ListVersion, data: Mapping[str, Any]) -> bool:
        return any(check.verdict == judgement.SECOND for check in judgement.against_now(subject))

    def check(self, subject: ListVersion, data: Mapping[str, Any]) -> None:
        for check in judgement.against_now(subject):
            if check.verdict == judgement.FAILED:
                raise ActRefused(check.sentence)

    def consequences(self, subject: ListVersion, data: Mapping[str, Any]) -> list[str]:
        told = [check.sentence for check in judgement.against_now(subject) if check.verdict != judgement.GOOD]
        return [
            *told,
            f"From then on payouts to its {subject.addresses:,} addresses are refused or held, also those under way.",
            f"About {rescreening.total():,} known recipients and parties are screened anew.",
        ]

    def perform(self, subject: ListVersion, performance: Performance) -> Outcome:
        try:
            activation.activate(
                subject, by=performance.actor, second=performance.confirmer, evidence=performance.evidence,
                request_id=performance.request_id,
            )  # fmt: skip
        except activation.NotActivated as refused:
            raise ActRefused(str(refused)) from None
        return Outcome(f"{subject} is in force.", version_url(subject))


class Override(Act):
    """Its key is the list's name."""

    kind = "list.override"
    title = "Pay by an old list for 24 hours"
    verb = "Pay by it for 24 hours"
    roles = LIST_ROLES
    minimum_reason = 20

    def find(self, key: str) -> ListVersion:
        return _version(_in_force(key))

    def lock(self, key: str) -> ListVersion:
        locks.hold(locks.AdvisoryLock.LISTS)
        return _version(_in_force(key))

    def facts(self, subject: ListVersion) -> dict[str, str]:
        fresh, until = subject.fresh_at, subject.overridden_until
        return {
            "List": str(subject),
            "Last received (UTC)": f"{fresh.astimezone(UTC):%Y-%m-%d %H:%M}" if fresh else "never",
            "Overridden until (UTC)": f"{until.astimezone(UTC):%Y-%m-%d %H:%M}"
            if until
            else "not overridden",
        }

    def allowed(self, user: Any, subject: ListVersion) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and not _is_stale(subject):
            return Verdict(False, "It isn't too old: there is nothing to override.")
        return verdict

    def needs_second(self, subject: ListVersion, data: Mapping[str, Any]) -> bool:
        return True

    def consequences(self, subject: ListVersion, data: Mapping[str, Any]) -> list[str]:
        return [
            "For 24 hours from the second person's confirmation, payouts go by this old list.",
            "Whoever was listed since isn't on it. A newer list ends the need at once.",
        ]

    def perform(self, subject: ListVersion, performance: Performance) -> Outcome:
        try:
            activation.override(
                subject, by=performance.actor, second=performance.second, evidence=performance.evidence,
                request_id=performance.request_id,
            )  # fmt: skip
        except activation.NotActivated as refused:
            raise ActRefused(str(refused)) from None
        return Outcome(f"{subject} counts for 24 hours.", version_url(subject))


class ClearForm(forms.Form):
    why = forms.ChoiceField(label="Why it isn't them", choices=list(cases.CLEAR_REASONS.items()))


class ConfirmForm(forms.Form):
    why = forms.ChoiceField(label="Why it is them", choices=list(cases.CONFIRM_REASONS.items()))


class CaseAct(Act):
    roles = CASE_ROLES
    to: CaseState

    def find(self, key: str) -> ScreeningCase:
        return _case(ScreeningCase.objects.select_related("entry", "decided_by"), key)

    def lock(self, key: str) -> ScreeningCase:
        rows = ScreeningCase.objects.select_related("entry").select_for_update(of=("self",))
        return _case(rows, key)

    def facts(self, subject: ScreeningCase) -> dict[str, str]:
        entry = subject.entry
        return {
            "Subject": subject.subject,
            "Listed": entry.value,
            "List": entry.list_name + ("" if entry.in_force_id else ", not in force any more"),
            "Listed party": entry.label or "not named",
            "How": subject.get_grade_display() + (f", {subject.score} of 100" if subject.score else ""),
            "State": subject.get_state_display(),
        }

    def version(self, subject: ScreeningCase) -> str:
        return acts.fingerprint({"case": subject.pk, "version": subject.version, "state": subject.state})

    def perform(self, subject: ScreeningCase, performance: Performance) -> Outcome:
        try:
            cases.decide(
                subject, self.to, by=performance.actor, code=performance.data["why"], note=performance.reason,
                details=performance.evidence, request_id=performance.request_id,
            )  # fmt: skip
        except cases.DecidedAlready:
            raise ActRefused("Somebody was first: look again. Nothing was done.") from None
        return Outcome(
            f"{subject} is {self.to.label.lower()}.", reverse("admin:kyc_screeningcase_changelist")
        )


class Clear(CaseAct):
    kind = "screening.clear"
    title = "Clear a screening case"
    verb = "Clear: it isn't them"
    form_class = ClearForm
    to = CaseState.CLEARED

    def allowed(self, user: Any, subject: ScreeningCase) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if not verdict:
            return verdict
        if subject.grade == Grade.EXACT:
            return Verdict(False, "The address itself is listed: only another version of the list ends that.")
        if subject.state == CaseState.CLEARED:
            return Verdict(False, "It is cleared already.")
        return acts.ALLOWED

    def needs_second(self, subject: ScreeningCase, data: Mapping[str, Any]) -> bool:
        """What one person confirmed isn't cleared by one."""
        return subject.state == CaseState.CONFIRMED

    def consequences(self, subject: ScreeningCase, data: Mapping[str, Any]) -> list[str]:
        what = (
            "Payouts held for it go on." if subject.kind == EntryKind.ADDRESS else "It stands against nobody."
        )
        return [what, "It is remembered until the list says anything else of this entry."]


class Confirm(CaseAct):
    kind = "screening.confirm"
    title = "Confirm a screening case"
    verb = "Confirm: it is them"
    form_class = ConfirmForm
    to = CaseState.CONFIRMED

    def allowed(self, user: Any, subject: ScreeningCase) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.state == CaseState.CONFIRMED:
            return Verdict(False, "It is confirmed already.")
        return verdict

    def consequences(self, subject: ScreeningCase, data: Mapping[str, Any]) -> list[str]:
        if subject.kind == EntryKind.NAME:
            return ["The record it belongs to is suspended at once.", "The case stays, for reporting."]
        return [
            "New payouts to this address are refused (LUCID_ERR_2012), without saying why.",
            "Those that wait stay held; somebody cancels them.",
            "The case stays, for reporting.",
        ]


for act in (Activate(), Override(), Clear(), Confirm()):
    acts.register(act)


def version_url(version: ListVersion) -> str:
    return reverse("admin:kyc_listversion_change", args=[version.pk])


def may_stage(user: User | Any) -> Verdict:
    """Whether this person may upload lists."""
    return acts.may_act(user, LIST_ROLES)


def _version(found: ListVersion | None) -> ListVersion:
    if found is None:
        raise Http404("no such list")
    return found


def _case(rows: Any, key: str) -> ScreeningCase:
    found: ScreeningCase | None = rows.filter(pk=key).first() if key.isdecimal() else None
    if found is None:
        raise Http404("no such case")
    return found


def _in_force(list_name: str) -> ListVersion | None:
    return ListVersion.objects.filter(list_name=list_name, state=ListState.ACTIVE).first()


def _is_stale(version: ListVersion) -> bool:
    if version.fresh_at is None:
        return True
    found = freshness.InForce(version.pk, version.number, version.fresh_at, version.overridden_until)
    return found.is_stale(clock.now())
