"""Who decides on the signer's machine: named, allowed, with a reason, and each there with a code of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.core.management.base import CommandError

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts, prompt

SHORTEST_REASON: Final = 20


def proven(options: Mapping[str, Any], two_because: str) -> tuple[list[User], str]:
    """The administrators and their reason: two where `two_because` says why, else one. Raises CommandError."""
    reason = (options["reason"] or "").strip()
    if not SHORTEST_REASON <= len(reason) <= acts.LONGEST_REASON:
        raise CommandError(f"--reason: say why, in {SHORTEST_REASON} to {acts.LONGEST_REASON} characters.")
    people = [_administrator(options["actor"], "--actor")]
    if two_because:
        named = options["second"] or input("Second person's user name: ").strip()
        people.append(_administrator(named, "--second"))
        if people[0] == people[1]:
            raise CommandError(two_because)
    for one in people:
        prompt.prove(one)
    return people, reason


def _administrator(name: str | None, option: str) -> User:
    found = prompt.person(name, option)
    if not (verdict := acts.may_act(found, frozenset({Role.ADMIN}))):
        raise CommandError(f"{option}: {verdict.reason}")
    return found
