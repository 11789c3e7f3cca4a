"""A case worked through the pages, with canaries for names: none sings in a log, address, title, mail or error.

Only where somebody said what for does a page itself show them.
"""

from __future__ import annotations

import io
import json
import logging
import logging.config
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.http import HttpResponse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from kyc.models import KycRecord, KycStep
from kyc.review import applying, marking, taking
from kyc.review.queues import QUEUES
from kyc.vault import VaultError
from lucid_payments import logs, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts, notices
from lucid_payments.backoffice.models import TwoPersonAct
from lucid_payments.events.models import Event
from tests.kyc import desk
from tests.lucid_payments.backoffice.people import hidden
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db
LIST = "/admin/kyc/kycrecord/"
PERSON = {
    "full_name": "Canaryname Vogelsang",
    "street": "Canarystreet 7",
    "city": "Canarytown",
    "document_number": "P-CANARYNUMBER",
    "email": "canarymail@example.invalid",
}
NOTE, QUESTION, REASON, SEARCHED = "canarynote", "canaryquestion", "canaryreason", "canarysearched"
# What says something where it should not; however it is written, and each half of a name.
SINGS = re.compile(r"canary\w*|vogelsang", re.I)
SHOWN = "?purpose=review"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that a process writes, as production writes it, and at the level that says most."""
    written, root = io.StringIO(), logging.getLogger()
    configured = logs.configuration("DEBUG", as_json=True)["formatters"]["structured"]
    formatter = logging.config.DictConfigurator({}).configure_formatter(configured)
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[dict[str, Any]]:
    """What was handed to the worker that mails."""
    settings.EMAIL_HOST = "mail.invalid"
    handed: list[dict[str, Any]] = []
    monkeypatch.setattr(nudge, "send_each", lambda task, **note: handed.append({"task": task, **note}))
    return handed


class Watched:
    """One officer's browser, of whose answers everything but the page's own text is kept."""

    def __init__(self, person: User) -> None:
        self.person = person
        self.client = desk.browser(person)
        self.client.raise_request_exception = False
        self.outside: list[str] = []

    def get(self, path: str, *, masked: bool = True) -> HttpResponse:
        return self._kept(self.client.get(path), masked)

    def step(self, record: KycRecord, name: str, query: str = "", **given: str) -> HttpResponse:
        return self._kept(self.client.post(f"{LIST}{record.public_id}/step/{name}/{query}", given), True)

    def post(self, path: str, **given: str) -> HttpResponse:
        return self._kept(self.client.post(path, given), False)

    def act(self, kind: str, record: KycRecord, **answers: str) -> HttpResponse:
        """The confirm page, first with a wrong code, whose answer shows what was typed; then as it should be."""
        path = acts.url(kind, record.public_id)
        form = hidden(self.get(path).content.decode())
        asks = b'name="code"' in self.client.get(path).content
        code = {"code": world.code_of(self.person)} if asks else {}
        return self.post(path, **form, **answers, **code)

    def _kept(self, answer: Any, masked: bool) -> HttpResponse:
        page = (
            answer.content.decode(errors="replace") if "text/html" in answer.get("Content-Type", "") else ""
        )
        titles = re.findall(r"<title>.*?</title>|<h1>.*?</h1>", page, re.S)
        addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page)
        said = re.findall(
            r'<(?:p class="message[^>]*|div class="refusal[^>]*|span class="field-error)>.*?</', page, re.S
        )
        headers = [f"{name}: {value}" for name, value in answer.items()]
        cookies = [str(cookie) for cookie in self.client.cookies.values()]
        self.outside += [*titles, *addresses, *said, *headers, *cookies]
        if masked or answer.status_code >= 400:
            self.outside.append(page)
        result: HttpResponse = answer
        return result


def applied() -> KycRecord:
    record = desk.submitted(None, **PERSON)
    record.operator.user.email = "kanari@example.invalid"
    record.operator.user.save()
    return record


def work(me: Watched, other: Watched, record: KycRecord) -> KycRecord:
    """Every page and act of the desk, one person's and another's, on one case."""
    base = f"{LIST}{record.public_id}/"
    for path in ("/admin/", LIST, *(f"{LIST}queue/{queue.key}/" for queue in QUEUES), f"{LIST}find/"):
        me.get(path)
    me.post(f"{LIST}find/", by="full_name", text=PERSON["full_name"], purpose="review")
    me.post(f"{LIST}find/", by="email", text=SEARCHED, purpose="review")
    me.post(f"{LIST}find/", by="full_name", text=SEARCHED * 40, purpose="curiosity")
    assert me.post(f"{LIST}next/")["Location"] == base
    me.get(base)
    shown = me.get(base + SHOWN, masked=False).content.decode()
    assert PERSON["full_name"] in shown, "or nothing is proven here"
    me.step(record, "mark", SHOWN, place=f"field:{PERSON['full_name']}")
    me.step(record, "mark", SHOWN, place="field:birth_date", refuse=SEARCHED)
    me.step(record, "mark", SHOWN, place="field:birth_date", refuse="doesnt_match")
    me.step(record, "note", SHOWN, text=f"{NOTE} of {PERSON['full_name']}")
    me.act("kyc.ask", record, text=f"{QUESTION}, {PERSON['full_name']}?")
    applying.edit(record, {**desk.DECLARED, **PERSON}, actor=record.operator.user)
    applying.answer(record, actor=record.operator.user)
    me.step(record, "claim")
    me.act("kyc.snooze", record, until="2026-07-20", text=f"{REASON} of {PERSON['full_name']}")
    me.step(record, "wake")
    other.step(record, "claim")
    me.act("kyc.steal", record, text=f"{REASON}, says {PERSON['full_name']}")
    for place in marking.places(record):
        me.step(record, "mark", SHOWN, place=place)
    me.act(
        "kyc.approve", record, risk="high", why="verified_with_care", text=f"{REASON} {PERSON['full_name']}"
    )
    other.step(record, "claim")
    other.act("kyc.return", record, why="not_convinced", text=f"{REASON} {PERSON['full_name']}")
    other.step(record, "claim")
    other.act("kyc.reject", record, why="identity_not_proven", text=f"{REASON} {PERSON['full_name']}")
    for path in (f"/admin/kyc/personsdata/{record.public_id}/", base):
        me.get(path)
    me.get(f"{base}?purpose=rights", masked=False)
    record.refresh_from_db()
    return record


def test_no_canary_sings_while_a_case_is_worked_through(
    log: io.StringIO,
    posted: list[dict[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    me, other = Watched(desk.officer("me")), Watched(desk.officer("other"))
    with django_capture_on_commit_callbacks(execute=True):
        record = work(me, other, applied())
    assert record.state == "rejected"
    steps = set(KycStep.objects.filter(record=record).values_list("act", flat=True))
    assert {"claimed", "marked", "noted", "info_requested", "snoozed", "taken_over", "returned"} <= steps
    for note in posted:
        notices.mail_note(note["subject"], note["body"], note["addresses"])
    assert len(mail.outbox) >= 3
    kept = {
        "logs": log.getvalue(),
        "answers": "\n".join(me.outside + other.outside),
        "mails": "\n".join(f"{sent.subject}\n{sent.body}" for sent in mail.outbox),
        "rows": json.dumps(
            [
                *AuditEntry.objects.values_list("object_label", "client", "request_id", "details"),
                *KycStep.objects.values_list("actor_label", "details"),
                *Event.objects.values_list("subject_id", "payload"),
                *TwoPersonAct.objects.values_list("subject_label", "reason", "data"),
            ],
            default=str,
        ),
    }
    assert record.public_id in kept["rows"], "or nothing is proven here"
    assert {where: SINGS.findall(text) for where, text in kept.items()} == {where: [] for where in kept}


@pytest.mark.parametrize("purpose", ["", SHOWN])
def test_no_canary_sings_when_something_breaks(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch, purpose: str
) -> None:
    """An error that no code expects, with the name in hand; and keys that are away."""
    me = Watched(desk.officer("me"))
    record = taking.claim(applied(), actor=me.person)

    def broken(*given: Any, **named: Any) -> None:
        raise RuntimeError("something broke")

    def locked(*given: Any, **named: Any) -> None:
        raise VaultError("no key")

    with monkeypatch.context() as patch:
        patch.setattr("kyc.review.contents.add_note", broken)
        answer = me.step(record, "note", purpose, text=f"{NOTE} of {PERSON['full_name']}")
        assert answer.status_code == 500
    with monkeypatch.context() as patch:
        patch.setattr("kyc.desk.timeline.of", broken)
        assert me.get(f"{LIST}{record.public_id}/{SHOWN}").status_code == 500
    with monkeypatch.context() as patch:
        patch.setattr("kyc.vault.seal", locked)
        me.step(record, "note", purpose, text=f"{NOTE} of {PERSON['full_name']}")
    assert "something broke" in log.getvalue(), "or nothing is proven here"
    assert SINGS.findall("\n".join([log.getvalue(), *me.outside])) == []
