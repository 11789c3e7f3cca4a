"""The two-person act: who confirms, for how long, and that one of two who confirm at once does it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, ProgrammingError, connection, transaction
from pytest_django import Settings

from lucid_payments import clock, nudge
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.backoffice import acts, notices, second_person
from lucid_payments.backoffice.acts import ActRefused, ChangedSince
from lucid_payments.backoffice.models import ActState, TwoPersonAct
from lucid_payments.events.models import Event
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import REASON
from tests.payouts.admin import world

KIND = "staff.change_role"


def admin(name: str) -> User:
    return world.user("admin", name=name)


def ask(asker: User, subject: User, role: str = "payout_approver") -> TwoPersonAct:
    act = acts.of_kind(KIND)
    return second_person.ask(
        act, str(subject.public_id), subject, data={"role": role}, actor=asker, reason=REASON
    )


def role_of(user: User) -> str:
    return User.objects.get(pk=user.pk).role


@pytest.fixture
def asker(db: None) -> User:
    return admin("asker")


@pytest.fixture
def second(db: None) -> User:
    return admin("second")


@pytest.fixture
def subject(db: None) -> User:
    return world.user("auditor")


def test_nothing_happens_before_the_second_person_and_then_it_does(
    asker: User, second: User, subject: User
) -> None:
    row = ask(asker, subject)
    assert role_of(subject) == "auditor"

    second_person.confirm(row.pk, actor=second)

    assert role_of(subject) == "payout_approver"
    row.refresh_from_db()
    assert (row.state, row.confirmed_by) == (ActState.CONFIRMED, second)
    entry = AuditEntry.objects.get(action="staff.role_changed")
    assert (entry.actor, entry.details["confirmed_by"], entry.details["reason"]) == (asker, "second", REASON)


def test_who_asked_does_not_confirm(asker: User, second: User, subject: User) -> None:
    row = ask(asker, subject)

    with pytest.raises(ActRefused, match="another person"):
        second_person.confirm(row.pk, actor=asker)

    assert role_of(subject) == "auditor"
    with pytest.raises(IntegrityError), transaction.atomic():
        TwoPersonAct.objects.filter(pk=row.pk).update(
            state=ActState.CONFIRMED, confirmed_by=asker, answered_at=clock.now()
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        TwoPersonAct.objects.filter(pk=row.pk).update(state=ActState.CONFIRMED, answered_at=clock.now())


def test_after_an_hour_it_is_over(asker: User, second: User, subject: User) -> None:
    row = ask(asker, subject)
    clock.freeze(row.expires_at - timedelta(seconds=1))
    assert list(second_person.waiting_for(second)) == [row]
    assert second_person.expire() == 0

    clock.freeze(row.expires_at)
    with pytest.raises(ActRefused, match="within the hour"):
        second_person.confirm(row.pk, actor=second)

    assert role_of(subject) == "auditor"
    assert not second_person.waiting_for(second).exists()
    assert (second_person.expire(), second_person.expire()) == (1, 0)
    row.refresh_from_db()
    assert (row.state, row.expires_at - row.asked_at < timedelta(hours=1, seconds=2)) == (
        ActState.EXPIRED,
        True,
    )
    assert Event.objects.filter(type="act.expired").count() == 1
    ask(asker, subject)


def test_what_changed_since_it_was_asked_is_not_confirmed(asker: User, second: User, subject: User) -> None:
    row = ask(asker, subject)
    User.objects.filter(pk=subject.pk).update(email="other@example.org")

    with pytest.raises(ChangedSince):
        second_person.confirm(row.pk, actor=second)

    assert role_of(subject) == "auditor"
    row.refresh_from_db()
    assert row.state == ActState.ASKED


@pytest.mark.parametrize("taken", [{"is_active": False}, {"role": "auditor"}])
def test_an_asker_who_lost_the_right_asks_in_vain(
    asker: User, second: User, subject: User, taken: dict[str, Any]
) -> None:
    row = ask(asker, subject)
    User.objects.filter(pk=asker.pk).update(**taken)

    with pytest.raises(ActRefused, match="may not do it any more"):
        second_person.confirm(row.pk, actor=second)

    assert role_of(subject) == "auditor"


@pytest.mark.parametrize("role", ["auditor", "payout_approver", "compliance_officer", "end_user"])
def test_another_role_confirms_nothing(asker: User, subject: User, role: str) -> None:
    row = ask(asker, subject)
    outsider = world.user(role, name="outsider")

    for attempt in (
        lambda: second_person.confirm(row.pk, actor=outsider),
        lambda: second_person.refuse(row.pk, actor=outsider, reason=REASON),
        lambda: second_person.withdraw(row.pk, actor=outsider),
    ):
        with pytest.raises(ActRefused):
            attempt()

    assert role_of(subject) == "auditor"
    row.refresh_from_db()
    assert row.state == ActState.ASKED


def test_nobody_confirms_what_is_about_themselves(asker: User, second: User) -> None:
    row = ask(asker, second)

    with pytest.raises(ActRefused, match="your own account"):
        second_person.confirm(row.pk, actor=second)

    assert role_of(second) == "admin"


def test_refused_and_withdrawn_acts_stay_undone(asker: User, second: User, subject: User) -> None:
    refused = ask(asker, subject)
    second_person.refuse(refused.pk, actor=second, reason="not what we agreed")
    withdrawn = ask(asker, subject)
    second_person.withdraw(withdrawn.pk, actor=asker)

    for row in (refused, withdrawn):
        with pytest.raises(ActRefused, match="somebody was first"):
            second_person.confirm(row.pk, actor=second)
    assert role_of(subject) == "auditor"


@pytest.mark.parametrize(
    "change", [{"data": {"role": "admin"}}, {"version": "0" * 64}, {"reason": "another"}, {"kind": "other"}]
)
def test_the_database_keeps_what_was_asked(asker: User, subject: User, change: dict[str, Any]) -> None:
    row = ask(asker, subject)

    with pytest.raises(ProgrammingError, match="stays as it was asked"), transaction.atomic():
        TwoPersonAct.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(ProgrammingError, match="stays as it was asked"), transaction.atomic():
        row.delete()


def test_the_database_keeps_an_answer(asker: User, second: User, subject: User) -> None:
    row = ask(asker, subject)
    second_person.refuse(row.pk, actor=second, reason="not what we agreed")

    with pytest.raises(ProgrammingError, match="stays as it was asked"), transaction.atomic():
        TwoPersonAct.objects.filter(pk=row.pk).update(state=ActState.ASKED, answered_at=None)


def test_the_same_act_waits_once(asker: User, second: User, subject: User) -> None:
    ask(asker, subject)

    with pytest.raises(ActRefused, match="waits for a second person already"):
        ask(second, subject, "compliance_officer")


def test_events_name_nobody(asker: User, second: User, subject: User) -> None:
    second_person.confirm(ask(asker, subject).pk, actor=second)

    events = Event.objects.filter(subject_type="act").order_by("pk")
    assert [event.type for event in events] == ["act.asked", "act.confirmed"]
    for event in events:
        assert (event.payload, event.owner) == ({"kind": KIND}, None)


@pytest.fixture
def letters(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server is set, and what the worker is told to mail is mailed at once."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.EMAIL_HOST = "mail.example.org"
    monkeypatch.setattr(nudge, "send_each", lambda task, **told: notices.mail(**told))


@pytest.mark.usefixtures("letters")
def test_whoever_may_confirm_is_told_by_mail_in_which_no_personal_data_stands(
    db: None, django_capture_on_commit_callbacks: Any
) -> None:
    zora, yusuf, xenia, wanda = (admin(name) for name in ("zora", "yusuf", "xenia", "wanda"))
    vera = world.user("auditor", name="vera")
    everybody = (zora, yusuf, xenia, wanda, vera)
    for user in everybody:
        user.email, user.first_name = f"{user.username}@example.org", f"{user.username} Surname"
        user.is_active = user is not wanda
        user.save()

    with django_capture_on_commit_callbacks(execute=True):
        row = ask(zora, vera)

    assert [message.to for message in mail.outbox] == [["xenia@example.org"], ["yusuf@example.org"]]
    for message in mail.outbox:
        sent = message.message().as_string().replace(f"To: {message.to[0]}", "").lower()
        assert f"number {row.pk}" in sent
        personal = [word for user in everybody for word in (user.username, "surname", str(user.public_id))]
        for word in (*personal, REASON, KIND, "payout_approver", "approver"):
            assert word.lower() not in sent, word


@pytest.mark.usefixtures("letters")
def test_nobody_is_told_of_what_is_over(asker: User, second: User, subject: User) -> None:
    row = ask(asker, subject)
    second_person.confirm(row.pk, actor=second)

    notices.mail(row.pk, ["second@example.org"])

    assert mail.outbox == []


def test_a_mail_server_that_is_away_stops_nothing(asker: User, subject: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    notices.mail(ask(asker, subject).pk, ["second@example.org"])


def test_of_several_who_confirm_at_once_one_does_it(cloned_database: str) -> None:
    asker, subject = admin("asker"), world.user("auditor")
    others = [admin(f"admin{number}") for number in range(4)]
    row = ask(asker, subject)
    start = Barrier(len(others))

    def confirm(user: User) -> bool:
        try:
            start.wait()
            second_person.confirm(row.pk, actor=user)
        except ActRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(others)) as pool:
        done = list(pool.map(confirm, others))

    assert sum(done) == 1
    assert role_of(subject) == "payout_approver"
    assert AuditEntry.objects.filter(action="staff.role_changed").count() == 1
    assert TwoPersonAct.objects.get().confirmed_by == others[done.index(True)]


class TestPages:
    pytestmark = pytest.mark.django_db

    def test_from_the_form_through_the_queue_to_the_deed(self, subject: User) -> None:
        first, other = people.desk(name="asker"), people.desk(name="second")
        answer = first.act(KIND, subject, role="payout_approver")
        assert answer["Location"] == "/admin/backoffice/twopersonact/"
        row = TwoPersonAct.objects.get()

        queue = other.client.get(answer["Location"]).content.decode()
        assert "For you to answer (1)" in queue
        assert "Asked by you (1)" in first.client.get(answer["Location"]).content.decode()
        assert "1 for you to answer" in other.client.get("/admin/").content.decode()

        done = other.answer(row.pk, "confirm", reason="")
        assert done["Location"] == f"/admin/accounts/user/{subject.public_id}/"
        assert role_of(subject) == "payout_approver"

    def test_the_asker_is_offered_to_withdraw_and_nothing_else(self, subject: User) -> None:
        first = people.desk(name="asker")
        row = ask(first.user, subject)

        page = first.client.get(f"/admin/backoffice/twopersonact/{row.pk}/").content.decode()
        assert 'value="withdraw"' in page
        assert 'value="confirm"' not in page
        assert first.answer(row.pk, "confirm").status_code == 409
        assert role_of(subject) == "auditor"
        assert first.answer(row.pk, "withdraw").status_code == 302
        row.refresh_from_db()
        assert row.state == ActState.WITHDRAWN

    def test_confirming_takes_a_fresh_factor(self, subject: User, asker: User) -> None:
        other = people.desk(name="second")
        row = ask(asker, subject)

        for code in ("", "000000"):
            assert other.answer(row.pk, "confirm", code=code).status_code == 200
        assert role_of(subject) == "auditor"

    def test_refusing_takes_a_reason_and_no_factor(self, subject: User, asker: User) -> None:
        other = people.desk(name="second")
        row = ask(asker, subject)

        assert other.answer(row.pk, "refuse", reason="no", code="").status_code == 200
        assert other.answer(row.pk, "refuse", reason="not what we agreed", code="").status_code == 302
        row.refresh_from_db()
        assert (row.state, row.refused_by) == (ActState.REFUSED, other.user)

    def test_an_act_of_another_role_is_not_seen(self, subject: User, asker: User) -> None:
        row = ask(asker, subject)
        approver = people.desk("payout_approver")

        assert approver.client.get(f"/admin/backoffice/twopersonact/{row.pk}/").status_code == 404
