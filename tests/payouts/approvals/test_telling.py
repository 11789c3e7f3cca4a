"""Approvers hear by mail that something waits: who, how often, and nothing of whom or how much."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from lucid_payments import clock, nudge
from lucid_payments.accounts.models import User
from lucid_payments.backoffice import notices
from lucid_payments.events.models import Event
from payouts.approvals import telling
from payouts.models import ApprovalRequest, Payout
from tests.payouts.approvals.conftest import RECIPIENT, account, pay

pytestmark = pytest.mark.django_db
QUARTER = datetime(2026, 7, 15, 12, 15, tzinfo=UTC)


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[dict[str, Any]]:
    """What was handed to the worker that mails, by a deployment that has a mail server."""
    settings.EMAIL_HOST = "mail.invalid"
    clock.freeze(QUARTER)
    handed: list[dict[str, Any]] = []
    monkeypatch.setattr(nudge, "send_each", lambda task, **note: handed.append({"task": task, **note}))
    return handed


@pytest.fixture
def people(admin: User) -> list[str]:
    """Two approvers who can be reached; and everybody who must not be."""
    account("ann", email="ann@example.org")
    account("bob", email="bob@example.org")
    account("without an address")
    account("left", email="left@example.org", is_active=False)
    account("officer", "compliance_officer", email="officer@example.org")
    account("auditor", "auditor", email="auditor@example.org")
    User.objects.filter(pk=admin.pk).update(email="admin@example.org")
    return ["ann@example.org", "bob@example.org"]


def test_each_approver_gets_a_mail_of_their_own_without_a_word_of_whom_or_how_much(
    admin: User,
    people: list[str],
    posted: list[dict[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        payout = pay(admin, 57)
    (note,) = posted
    assert (note.pop("task"), note["addresses"]) == (notices.NOTE_TASK, people)
    notices.mail_note(**note)
    assert [sent.to for sent in mail.outbox] == [[address] for address in people]
    event = Event.objects.get(type="approval.needed")
    told = [f"{sent.subject}\n{sent.body}" for sent in mail.outbox] + [json.dumps(event.payload)]
    for private in (RECIPIENT, "57", "relay work", admin.get_username(), payout.payout_id):
        assert not [text for text in told if private in text], private


def test_there_is_one_mail_in_a_quarter_of_an_hour(
    admin: User,
    people: list[str],
    posted: list[dict[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    moments = [timedelta(0), timedelta(minutes=1), timedelta(minutes=14, seconds=59), timedelta(minutes=15)]
    mails = []
    for moment in moments:
        clock.freeze(QUARTER + moment)
        with django_capture_on_commit_callbacks(execute=True):
            pay(admin)
        mails.append(len(posted))
    assert mails == [1, 1, 1, 2]
    # Whoever listens to events hears of each.
    assert Event.objects.filter(type="approval.needed").count() == len(moments)


def test_without_a_mail_server_there_is_the_event_alone(
    admin: User,
    people: list[str],
    posted: list[dict[str, Any]],
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.EMAIL_HOST = ""
    with django_capture_on_commit_callbacks(execute=True):
        pay(admin)
    assert posted == []
    assert Event.objects.filter(type="approval.needed").count() == 1


def test_what_is_not_committed_is_not_told(
    admin: User,
    people: list[str],
    posted: list[dict[str, Any]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=False) as waiting:
        pay(admin)
    assert posted == []
    assert [callback for callback in waiting if "tell" in callback.__qualname__]


def test_a_mail_server_that_is_away_costs_a_line_in_the_log_and_no_request(
    admin: User,
    people: list[str],
    posted: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    tried: list[str] = []

    def away(subject: str, body: str, sender: None, to: list[str]) -> None:
        tried.extend(to)
        raise ConnectionRefusedError

    monkeypatch.setattr(notices, "send_mail", away)
    with django_capture_on_commit_callbacks(execute=True):
        payout = pay(admin)
    notices.mail_note(telling.SUBJECT, telling.BODY, posted[0]["addresses"])
    assert tried == people
    assert [record.getMessage() for record in caplog.records].count("mail not sent") == len(people)
    assert not [address for address in people if address in caplog.text]
    assert Payout.objects.get(pk=payout.pk).status == "awaiting_approval"
    assert ApprovalRequest.objects.filter(state="waiting").count() == 1
