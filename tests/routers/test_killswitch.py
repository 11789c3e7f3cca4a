"""The kill switch and its command."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from routers import killswitch

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return User.objects.create_user(username="admin", password=None, role="admin")


def test_it_is_pulled_and_released_once_each_with_audit_and_event(admin: User) -> None:
    assert killswitch.pull(actor=admin, reason="wrong prices")
    assert killswitch.is_pulled()
    assert not killswitch.pull(actor=admin, reason="again")
    assert killswitch.release(actor=admin, reason="prices corrected")
    assert not killswitch.is_pulled()
    acts = ["killswitch.pulled", "killswitch.released"]
    assert list(AuditEntry.objects.values_list("action", flat=True)) == acts
    assert list(Event.objects.values_list("type", flat=True)) == acts


def test_the_system_may_pull_it_without_a_person() -> None:
    assert killswitch.pull(actor=None, reason="money left that isn't ours")
    assert AuditEntry.objects.get().actor_label == "system"


def test_a_reason_is_required(admin: User) -> None:
    with pytest.raises(ValueError, match="reason"):
        killswitch.pull(actor=admin, reason="  ")
    assert not killswitch.is_pulled()


def test_the_command_pulls_shows_and_releases(admin: User) -> None:
    out = StringIO()
    call_command("killswitch", "pull", actor="admin", reason="drill", stdout=out)
    assert "by admin: drill" in out.getvalue()
    call_command("killswitch", "release", actor="admin", reason="over", stdout=out)
    assert "not pulled" in out.getvalue()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"actor": "admin"}, "--reason"),
        ({"reason": "drill"}, "--actor"),
        ({"actor": "nobody", "reason": "drill"}, "--actor"),
        ({"actor": "service", "reason": "drill"}, "--actor"),
    ],
)
def test_the_command_names_what_is_missing_and_changes_nothing(
    admin: User, options: dict[str, str], named: str
) -> None:
    User.objects.create_user(username="service", password=None, role="service")
    with pytest.raises(CommandError, match=named):
        call_command("killswitch", "pull", **options)
    assert not killswitch.is_pulled()
    assert not AuditEntry.objects.exists()
