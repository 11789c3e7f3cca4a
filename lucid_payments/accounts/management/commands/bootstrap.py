"""`manage.py bootstrap`: the first two administrators, once in an installation's life."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from lucid_payments import locks
from lucid_payments.accounts import staff
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role

REFUSED: Final = "There is an administrator already. The back office creates further ones, by two people."
NEXT: Final = (
    "Each logs in within 72 hours, chooses a password and enrols an authenticator. These passwords are shown now "
    "and never again."
)


class AnswersForm(forms.Form):
    """What is asked about one of them."""

    name = forms.CharField(label="user name", max_length=150, validators=[UnicodeUsernameValidator()])
    full_name = forms.CharField(label="full name", max_length=150)
    email = forms.EmailField(label="e-mail")


class Command(BaseCommand):
    help = (
        "Create the first two administrators. Asks for their names; refuses when there is any administrator."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_second_run()
        people = [self._ask("First"), self._ask("Second")]
        if len({person["name"].lower() for person in people}) < 2:
            raise CommandError("Two people, two user names: nobody confirms alone.")
        passwords = create(people)
        for person, password in zip(people, passwords, strict=True):
            self.stdout.write(f"{person['name']}: one-time password {password}")
        self.stdout.write(NEXT)

    def _ask(self, which: str) -> dict[str, Any]:
        names = {name: field.label for name, field in AnswersForm.base_fields.items()}
        given = {name: input(f"{which} administrator's {label}: ") for name, label in names.items()}
        form = AnswersForm(given)
        if not form.is_valid():
            wrong = "; ".join(
                f"{names[name]}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()
            )
            raise CommandError(wrong)
        return form.cleaned_data


@transaction.atomic
def create(people: list[dict[str, Any]]) -> list[str]:
    """Both or none, and never beside an administrator: of two runs at once the second waits and is refused.

    Answers the one-time passwords. Raises CommandError.
    """
    locks.hold(locks.AdvisoryLock.BOOTSTRAP)
    _refuse_second_run()
    passwords = []
    for person in people:
        if User.objects.filter(username__iexact=person["name"]).exists():
            raise CommandError(f"The user name {person['name']} is taken.")
        user = staff.create(
            name=person["name"],
            email=person["email"],
            first_name=person["full_name"],
            role=Role.ADMIN,
            created_by=None,
            confirmed_by=None,
            evidence={"by": "manage.py bootstrap"},
        )
        passwords.append(staff.one_time_password(user, actor=None))
    return passwords


def _refuse_second_run() -> None:
    """Deactivated ones count: a closed installation isn't opened by a command."""
    if User.objects.filter(role=Role.ADMIN).exists():
        raise CommandError(REFUSED)
