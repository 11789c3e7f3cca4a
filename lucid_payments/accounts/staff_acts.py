"""The acts on staff accounts, and on one's own second factor."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse

from lucid_payments.accounts import attempts, recovery, staff
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import BACK_OFFICE, DUTY_MEANS, Duty, Role
from lucid_payments.audit import log
from lucid_payments.backoffice import acts, factor, formats
from lucid_payments.backoffice.acts import NEW, Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict

_ROLES = [(role.value, role.label) for role in Role if role in BACK_OFFICE]
FIRST = "Somebody was first: look again."


class FreeNameForm(forms.Form):
    """Asks for a name that no account has, or ever had."""

    name = forms.CharField(
        label="User name",
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="It is never given to anybody else.",
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError("This name is taken.")
        return name


class PersonForm(FreeNameForm):
    first_name = forms.CharField(label="Full name", max_length=150)
    email = forms.EmailField(label="E-mail")
    role = forms.ChoiceField(label="Role", choices=_ROLES)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label="New role", choices=_ROLES)


class DutiesForm(forms.Form):
    duties = forms.MultipleChoiceField(
        label="Duties",
        required=False,
        choices=[(duty.value, f"{duty.label}: {DUTY_MEANS[duty]}") for duty in Duty],
        widget=forms.CheckboxSelectMultiple,
    )

    def clean_duties(self) -> list[str]:
        return sorted(self.cleaned_data["duties"])


class CreateAccount(Act):
    """An act that makes an account by the name in its form, and takes two people."""

    def find(self, key: str) -> None:
        if key.partition(":")[0] != NEW:
            raise Http404("no such page")

    lock = find

    def label_with(self, subject: Any, data: Mapping[str, Any]) -> str:
        return str(data["name"])

    def key_with(self, key: str, data: Mapping[str, Any]) -> str:
        return f"{NEW}:{str(data['name']).lower()}"

    def needs_second(self, subject: Any, data: Mapping[str, Any]) -> bool:
        return True

    def check(self, subject: Any, data: Mapping[str, Any]) -> None:
        if User.objects.filter(username__iexact=data["name"]).exists():
            raise ActRefused("This name is taken by now.")


class CreatePerson(CreateAccount):
    kind = "staff.create"
    title = "Create a staff account"
    verb = "Create an account"
    form_class = PersonForm

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        if not data:
            return [
                "A second administrator must confirm; until then there is no account.",
                "After that you make a one-time password for it, which is shown to you once.",
            ]
        role = Role(data["role"]).label.lower()
        return [
            f"The account {data['name']} ({data['first_name']}, {data['email']}) is made with the role {role}.",
            "Its creator can then make its one-time password. It opens no page before its owner has chosen a "
            "password and enrolled a second factor.",
        ]

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        data = performance.data
        self.check(subject, data)
        user = staff.create(
            name=data["name"],
            email=data["email"],
            first_name=data["first_name"],
            role=data["role"],
            created_by=performance.actor,
            confirmed_by=performance.confirmer,
            evidence=performance.evidence,
            request_id=performance.request_id,
        )
        return Outcome(f"The account {user} is there. Its creator makes the one-time password.", url_of(user))


class PersonAct(Act):
    """An act on another person's staff account."""

    def find(self, key: str) -> User:
        return _person(User.objects.all(), key)

    def lock(self, key: str) -> User:
        return _person(User.objects.select_for_update(of=("self",)), key)

    def facts(self, subject: User) -> dict[str, str]:
        return {
            "User name": subject.get_username(),
            "Full name": subject.first_name or formats.NOTHING,
            "E-mail": subject.email or formats.NOTHING,
            "Role": subject.get_role_display(),
            **({"Duties": duties_of(subject)} if subject.role == Role.COMPLIANCE_OFFICER else {}),
            "Account": "active" if subject.is_active else "deactivated",
            "Second factor": "enrolled" if factor.has_one(subject) else "not enrolled",
        }

    def allowed(self, user: Any, subject: User) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.pk == user.pk:
            return Verdict(False, "This is your own account: another administrator does it.")
        return verdict if not verdict else self.fits(user, subject)

    def fits(self, user: User, subject: User) -> Verdict:
        """Whether the account's own state allows it."""
        return acts.ALLOWED


class Deactivate(PersonAct):
    kind = "staff.deactivate"
    title = "Deactivate an account"
    verb = "Deactivate"

    def fits(self, user: User, subject: User) -> Verdict:
        return acts.ALLOWED if subject.is_active else Verdict(False, "This account is deactivated already.")

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        told = [
            "At once: every session and every token of this account ends, and nobody can log in to it.",
            "Opening it again needs two people, a new password and a new second factor.",
        ]
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=subject.pk).count()
        if subject.role == Role.ADMIN and admins < 2:
            told.append(
                "Only one active administrator is left then: nothing that needs two can be confirmed."
            )
        return told

    def perform(self, subject: User, performance: Performance) -> Outcome:
        done = staff.deactivate(
            subject,
            actor=performance.actor,
            evidence=performance.evidence,
            request_id=performance.request_id,
        )
        if not done:
            raise ActRefused(FIRST)
        return Outcome(f"{subject} is deactivated. Its sessions and tokens have ended.", url_of(subject))


class Reactivate(PersonAct):
    kind = "staff.reactivate"
    title = "Reactivate an account"
    verb = "Reactivate"

    def fits(self, user: User, subject: User) -> Verdict:
        return Verdict(False, "This account is active.") if subject.is_active else acts.ALLOWED

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        return [
            f"{subject} can work as {subject.get_role_display().lower()} again.",
            "The old password, second factor and recovery codes are gone; who asked makes a one-time password.",
        ]

    def needs_second(self, subject: User, data: Mapping[str, Any]) -> bool:
        return True

    def perform(self, subject: User, performance: Performance) -> Outcome:
        done = staff.reactivate(
            subject,
            actor=performance.actor,
            evidence=performance.evidence,
            request_id=performance.request_id,
        )
        if not done:
            raise ActRefused(FIRST)
        return Outcome(f"{subject} is active again.", url_of(subject))


class ChangeRole(PersonAct):
    kind = "staff.change_role"
    title = "Change a role"
    verb = "Change the role"
    form_class = RoleForm

    def fits(self, user: User, subject: User) -> Verdict:
        return acts.ALLOWED if subject.is_active else Verdict(False, "This account is deactivated.")

    def initial(self, subject: User) -> dict[str, Any]:
        return {"role": subject.role}

    def check(self, subject: User, data: Mapping[str, Any]) -> None:
        if data["role"] == subject.role:
            raise ActRefused("This is the account's role already.")

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        new = f"to {Role(data['role']).label.lower()}" if data else "to the one you choose"
        return [
            f"The role changes from {subject.get_role_display().lower()} {new}.",
            "Sessions and tokens of the account end; its owner logs in again.",
            *([f"Its duties are over: {duties_of(subject).lower()}."] if subject.duties else []),
        ]

    def needs_second(self, subject: User, data: Mapping[str, Any]) -> bool:
        return True

    def perform(self, subject: User, performance: Performance) -> Outcome:
        done = staff.change_role(
            subject,
            role=performance.data["role"],
            actor=performance.actor,
            evidence=performance.evidence,
            request_id=performance.request_id,
        )
        if not done:
            raise ActRefused(FIRST)
        role = Role(performance.data["role"]).label.lower()
        return Outcome(f"{subject} is {role} from the next request on.", url_of(subject))


class ChangeDuties(PersonAct):
    kind = "staff.change_duties"
    title = "Change the duties"
    verb = "Change the duties"
    form_class = DutiesForm

    def fits(self, user: User, subject: User) -> Verdict:
        if not subject.is_active:
            return Verdict(False, "This account is deactivated.")
        if subject.role != Role.COMPLIANCE_OFFICER:
            return Verdict(False, "Only compliance officers have duties beside their role.")
        return acts.ALLOWED

    def initial(self, subject: User) -> dict[str, Any]:
        return {"duties": subject.duties}

    def check(self, subject: User, data: Mapping[str, Any]) -> None:
        if data["duties"] == sorted(subject.duties):
            raise ActRefused("These are the account's duties already.")

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        if not data:
            return ["A second administrator must confirm; it counts from the account's next request on."]
        given = [Duty(word) for word in data["duties"] if word not in subject.duties]
        taken = [Duty(word) for word in subject.duties if word not in data["duties"]]
        told = [f"Given: {duty.label.lower()}. Whoever has it {DUTY_MEANS[duty]}." for duty in given]
        told += [f"Taken: {duty.label.lower()}." for duty in taken]
        others = User.objects.filter(role=Role.COMPLIANCE_OFFICER, is_active=True).exclude(pk=subject.pk)
        if Duty.RESPONSIBLE in taken and not others.filter(duties__contains=[Duty.RESPONSIBLE]).exists():
            told.append("Nobody is a responsible officer then: what was escalated waits for one.")
        return told

    def needs_second(self, subject: User, data: Mapping[str, Any]) -> bool:
        return True

    def perform(self, subject: User, performance: Performance) -> Outcome:
        done = staff.change_duties(
            subject,
            duties=performance.data["duties"],
            actor=performance.actor,
            evidence=performance.evidence,
            request_id=performance.request_id,
        )
        if not done:
            raise ActRefused(FIRST)
        return Outcome(f"The duties of {subject} are changed from the next request on.", url_of(subject))


class ResetAccess(PersonAct):
    kind = "staff.reset_access"
    title = "Reset password and second factor"
    verb = "Reset access"

    def fits(self, user: User, subject: User) -> Verdict:
        return acts.ALLOWED if subject.is_active else Verdict(False, "This account is deactivated.")

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        return [
            "The password, the authenticator and all recovery codes of this account are void, and its sessions "
            "and tokens end.",
            "Who asked makes a one-time password; its owner chooses another and enrols a new authenticator.",
            "Be sure that it is really its owner who asks for this.",
        ]

    def needs_second(self, subject: User, data: Mapping[str, Any]) -> bool:
        return True

    def perform(self, subject: User, performance: Performance) -> Outcome:
        staff.reset_access(
            subject,
            actor=performance.actor,
            evidence=performance.evidence,
            request_id=performance.request_id,
        )
        return Outcome(f"The access of {subject} is reset.", url_of(subject))


class OneTimePassword(PersonAct):
    kind = "staff.one_time_password"
    title = "Make a one-time password"
    verb = "Make the one-time password"
    minimum_reason = 0

    def fits(self, user: User, subject: User) -> Verdict:
        if not subject.is_active:
            return Verdict(False, "This account is deactivated.")
        if subject.password_owed_by_id != user.pk:
            return Verdict(
                False, "Only who asked for the account, or for its reset, makes it, and only once."
            )
        return acts.ALLOWED

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        return [
            "A password is shown to you once. Give it to its owner by a safe way.",
            "It works for 72 hours, and then only for choosing another one.",
        ]

    def perform(self, subject: User, performance: Performance) -> Outcome:
        password = staff.one_time_password(
            subject, actor=performance.actor, request_id=performance.request_id
        )
        return Outcome(
            "Give this to its owner by a safe way. It is shown this once and works for 72 hours.",
            url_of(subject),
            (("User name", subject.get_username()), ("One-time password", password)),
        )


class Unlock(PersonAct):
    kind = "staff.unlock"
    title = "Unlock an account"
    verb = "Unlock"

    def fits(self, user: User, subject: User) -> Verdict:
        if attempts.longest_wait(subject) is None and not attempts.failures_of(subject):
            return Verdict(False, "There were no failed logins.")
        return acts.ALLOWED

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        wait = attempts.longest_wait(subject)
        waits = f" The longest is {formats.span(wait)} now." if wait else ""
        return [
            f"{attempts.failures_of(subject)} attempts to log in to this account failed since its last login.",
            f"The waits that this brought end at once.{waits}",
        ]

    def perform(self, subject: User, performance: Performance) -> Outcome:
        staff.unlock(
            subject,
            actor=performance.actor,
            evidence=performance.evidence,
            request_id=performance.request_id,
        )
        return Outcome(f"{subject} can try again at once.", url_of(subject))


class RenewCodes(Act):
    kind = "factor.renew_codes"
    title = "New recovery codes"
    verb = "Make new recovery codes"
    roles = BACK_OFFICE
    minimum_reason = 0

    def find(self, key: str) -> User:
        return _person(User.objects.all(), key)

    def lock(self, key: str) -> User:
        return _person(User.objects.select_for_update(of=("self",)), key)

    def facts(self, subject: User) -> dict[str, str]:
        return {"Recovery codes left": str(recovery.left(subject))}

    def allowed(self, user: Any, subject: User) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.pk != user.pk:
            return Verdict(False, "Everybody makes their own recovery codes.")
        return verdict

    def consequences(self, subject: User, data: Mapping[str, Any]) -> list[str]:
        return ["Ten new codes are shown to you once. All earlier ones are void."]

    def perform(self, subject: User, performance: Performance) -> Outcome:
        codes = recovery.renew(subject)
        log.record(
            "factor.codes_renewed",
            actor=performance.actor,
            subject=subject,
            request_id=performance.request_id,
        )
        return Outcome(
            "Print them or write them down. Each works once; all earlier ones are void.",
            reverse("admin:factor"),
            tuple((f"Code {number}", code) for number, code in enumerate(codes, 1)),
        )


# In the order in which a person's page shows them.
ON_A_PERSON = [
    acts.register(act)
    for act in (
        OneTimePassword(),
        ChangeRole(),
        ChangeDuties(),
        ResetAccess(),
        Unlock(),
        Reactivate(),
        Deactivate(),
    )
]
CREATE = acts.register(CreatePerson())
acts.register(RenewCodes())


def duties_of(user: User) -> str:
    """The duties in words."""
    return ", ".join(Duty(word).label for word in user.duties) or formats.NOTHING


def url_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.public_id])


def _person(rows: QuerySet[User], key: str) -> User:
    try:
        user = rows.filter(public_id=uuid.UUID(key), role__in=BACK_OFFICE).first()
    except ValueError:
        user = None
    if user is None:
        raise Http404("no such person")
    return user
