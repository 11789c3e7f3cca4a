"""Acts at the prompt, for when the web is down: the same checks, rows and audit entries as through the pages.

Whoever acts is there and proves it with a code of their own; so does the second person, who confirms at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.http import Http404

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts, doing, factor, second_person
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome


def add_arguments(parser: CommandParser) -> None:
    """The options of every command that acts; `perform` takes their values."""
    parser.add_argument("--actor", help="user name of the person who acts")
    parser.add_argument("--second", help="user name of the person who confirms, where two are needed")
    parser.add_argument("--reason", help="why; it stands in the audit log")


def perform(
    command: BaseCommand,
    kind: str,
    key: str,
    options: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
) -> Outcome:
    """Show what is and what will happen, ask for whoever is needed and their codes, and do it.

    Raises CommandError, and then nothing was done.
    """
    act, filled_in = acts.of_kind(kind), data or {}
    with _refusals():
        reason = (options["reason"] or "").strip()
        doing.require_reason(act, reason)
        actor = person(options["actor"], "--actor")
        subject = act.find(key)
        _require(act, actor, subject)
        seen = act.version(subject)
        _show(command, act, subject, filled_in)
        second = None
        if act.needs_second(subject, filled_in):
            act.check(subject, filled_in)
            second = _second(act, options["second"], actor, subject)
        for who in (actor, *([second] if second else [])):
            prove(who)
        with transaction.atomic():
            begun = doing.begin(act, key, seen=seen, data=filled_in, actor=actor, reason=reason)
            if isinstance(begun, Outcome):
                return begun
            if second is None:
                raise ActRefused(doing.CHANGED)
            return second_person.confirm(begun.pk, actor=second, note="At the prompt.")


def _show(command: BaseCommand, act: Act, subject: Any, data: Mapping[str, Any]) -> None:
    command.stdout.write(f"{act.title}: {act.label(subject)}")
    for label, value in act.facts(subject).items():
        command.stdout.write(f"  {label}: {value}")
    for sentence in act.consequences(subject, data):
        command.stdout.write(f"- {sentence}")


def person(name: str | None, option: str) -> User:
    """The account of this name. Raises CommandError naming the option."""
    found = User.objects.filter(username=name or "").first()
    if found is None:
        raise CommandError(f"{option}: give the user name of a staff account.")
    return found


def _second(act: Act, name: str | None, actor: User, subject: Any) -> User:
    """Asked for at the prompt unless named."""
    second = person(name or input("Second person's user name: ").strip(), "--second")
    if second.pk == actor.pk:
        raise CommandError("--second: another person confirms, not the one who acts.")
    _require(act, second, subject)
    return second


def _require(act: Act, person: User, subject: Any) -> None:
    verdict = act.allowed(person, subject)
    if not verdict:
        raise CommandError(f"{person.get_username()}: {verdict.reason}")


def prove(person: User) -> None:
    """Ask for a code of the authenticator, or a recovery code; never shown, each good once. Raises CommandError."""
    if not factor.has_one(person):
        raise CommandError(f"{person.get_username()} has no authenticator: nobody acts without one.")
    if not factor.accepts(person, getpass(f"Authenticator or recovery code of {person.get_username()}: ")):
        raise CommandError(f"{person.get_username()}: {factor.WRONG}")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except ActRefused as refused:
        raise CommandError(str(refused)) from None
    except Http404 as missing:
        raise CommandError(f"There is no such thing: {missing}.") from None
