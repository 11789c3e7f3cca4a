"""The applicant hears by mail that there is news, and nothing about a person stands in it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from kyc.models import Finding, KycRecord
from kyc.review import deciding, marking
from lucid_payments import nudge
from lucid_payments.backoffice import notices
from tests.kyc import desk

pytestmark = pytest.mark.django_db
ADDRESS = "kanari@example.invalid"


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was handed to the worker that mails."""
    handed: list[dict[str, Any]] = []
    monkeypatch.setattr(nudge, "send_each", lambda task, **note: handed.append({"task": task, **note}))
    return handed


def reachable(record: KycRecord) -> KycRecord:
    user = record.operator.user
    user.email = ADDRESS
    user.save()
    return record


def test_what_is_asked_goes_out_without_a_word_about_the_person(
    settings: Settings,
    posted: list[dict[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.EMAIL_HOST = "mail.invalid"
    me = desk.officer("me")
    record = reachable(desk.in_review(me))
    with django_capture_on_commit_callbacks(execute=True):
        marking.mark(record, "field:full_name", Finding.BAD, actor=me, code="doesnt_match")
        assert posted == []
        deciding.ask(record, actor=me, text=f"{desk.NAME}, please send it again")
    (note,) = posted
    notices.mail_note(note["subject"], note["body"], note["addresses"])
    (sent,) = mail.outbox
    assert sent.to == [ADDRESS]
    said = f"{sent.subject}\n{sent.body}"
    assert record.public_id in said
    assert "something is asked of you" in said
    assert "doesnt_match" not in said
    assert not [value for value in desk.DECLARED.values() if len(value) > 4 and value in said]


@pytest.mark.parametrize(("host", "address"), [("", ADDRESS), ("mail.invalid", "")])
def test_without_a_server_or_an_address_there_is_none(
    settings: Settings,
    posted: list[dict[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    host: str,
    address: str,
) -> None:
    settings.EMAIL_HOST = host
    record = desk.draft()
    record.operator.user.email = address
    record.operator.user.save()
    with django_capture_on_commit_callbacks(execute=True):
        desk.hand_in(record)
    assert posted == []
