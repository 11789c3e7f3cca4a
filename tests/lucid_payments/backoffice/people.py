"""Administrators at their desks: filling in acts' forms as a browser does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.test import Client

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts
from tests.payouts.admin import world

REASON = "agreed on the phone this morning"


@dataclass
class Desk:
    """One person's browser."""

    user: User
    client: Client

    def form(self, path: str) -> dict[str, str]:
        """What the page's form holds when it is opened."""
        return hidden(self.client.get(path).content.decode())

    def act(self, kind: str, subject: Any, **answers: Any) -> Any:
        """Open the act's page, fill it in, send it."""
        path = acts.url(kind, subject.public_id if isinstance(subject, User) else subject)
        return self.send(path, self.form(path), **answers)

    def send(self, path: str, form: dict[str, str], **answers: Any) -> Any:
        given = {"reason": REASON, "code": world.code_of(self.user), **form, **answers}
        return self.client.post(path, given)

    def answer(self, number: int, decision: str, **answers: str) -> Any:
        """Answer an act that waits for a second person."""
        path = f"/admin/backoffice/twopersonact/{number}/"
        return self.send(path, self.form(path), decision=decision, **answers)


def desk(role: str = "admin", name: str = "") -> Desk:
    user = world.user(role, name=name)
    client = Client()
    client.force_login(user)
    return Desk(user, client)


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="(version|token)" value="([^"]*)"', page)
    return dict(found)
