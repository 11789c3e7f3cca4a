"""The kill switches and their command: one person pulls, two release."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from routers import killswitch
from routers.errors import ActRefused
from routers.models import KillSwitch
from tests.policies import administrators, release_kill_switch

pytestmark = pytest.mark.django_db

V0 = "PayoutRouterV0"


@pytest.fixture
def admin() -> User:
    return administrators()[0]


@pytest.fixture
def second() -> User:
    return administrators()[1]


def test_one_person_pulls_it_once_and_two_release_it(admin: User, second: User) -> None:
    assert killswitch.pull(actor=admin, reason="wrong prices")
    assert killswitch.is_pulled()
    assert not killswitch.pull(actor=admin, reason="again")
    ask = killswitch.ask_release(actor=admin, reason="prices corrected")
    assert killswitch.is_pulled(), "not by one alone"
    killswitch.confirm_release(ask, actor=second)
    assert not killswitch.is_pulled()
    acts = ["killswitch.pulled", "killswitch.release.asked", "killswitch.released"]
    assert list(AuditEntry.objects.values_list("action", flat=True)) == acts
    assert list(Event.objects.values_list("type", flat=True)) == acts


def test_the_one_who_asked_can_t_confirm_and_nothing_changes(admin: User) -> None:
    killswitch.pull(actor=admin, reason="wrong prices")
    ask = killswitch.ask_release(actor=admin, reason="prices corrected")
    with pytest.raises(ActRefused) as refused:
        killswitch.confirm_release(ask, actor=admin)
    assert refused.value.code == "same_person"
    assert killswitch.is_pulled()
    ask.refresh_from_db()
    assert ask.state == "waiting"


def test_the_database_refuses_one_person_s_release_whoever_writes(admin: User) -> None:
    killswitch.pull(actor=admin, reason="wrong prices")
    for second in (None, admin):
        with pytest.raises(IntegrityError), transaction.atomic():
            KillSwitch.objects.filter(pk=1).update(pulled=False, second=second)


def test_a_release_asked_for_before_it_was_pulled_anew_is_void(admin: User, second: User) -> None:
    killswitch.pull(actor=admin, reason="first trouble")
    old = killswitch.ask_release(actor=admin, reason="over")
    release_kill_switch()
    killswitch.pull(actor=second, reason="second trouble")
    with pytest.raises(ActRefused) as refused:
        killswitch.confirm_release(old, actor=second)
    assert refused.value.code == "changed"
    assert killswitch.is_pulled()


def test_a_router_s_switch_stops_that_router_and_the_global_one_both(admin: User) -> None:
    killswitch.pull(actor=admin, reason="only V0", scope=V0)
    assert (killswitch.is_pulled(), killswitch.stopped_routers()) == (False, frozenset({V0}))
    killswitch.pull(actor=admin, reason="all")
    assert killswitch.stopped_routers() == {V0, "PayoutRouterKYC"}


def test_the_system_may_pull_it_without_a_person() -> None:
    assert killswitch.pull(actor=None, reason="money left that isn't ours")
    assert AuditEntry.objects.get().actor_label == "system"


def test_a_reason_and_an_administrator_are_required(admin: User) -> None:
    service = User.objects.create_user(username="service", password=None, role="service")
    for actor, reason, code in ((admin, "  ", "reason"), (service, "drill", "not_admin")):
        with pytest.raises(ActRefused) as refused:
            killswitch.pull(actor=actor, reason=reason)
        assert refused.value.code == code
    assert not killswitch.is_pulled()


def test_the_command_pulls_with_one_person_and_releases_with_two_present(
    admin: User, second: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = StringIO()
    call_command("killswitch", "pull", actor="admin-1", reason="drill", stdout=out)
    assert "by admin-1: drill" in out.getvalue()
    admin.set_password("a password of the first")
    admin.save()
    device = TOTPDevice.objects.create(user=second, name="phone", confirmed=True)
    answers = {
        "Password of admin-1: ": "a password of the first",
        "Authenticator code of admin-2: ": f"{totp(device.bin_key):06d}",
    }
    monkeypatch.setattr("builtins.input", lambda question: "admin-2")
    monkeypatch.setattr("routers.management.prompt.getpass", answers.__getitem__)
    call_command("killswitch", "release", actor="admin-1", reason="over", stdout=out)
    assert "global: not pulled" in out.getvalue()


def test_the_command_releases_nothing_without_both_proofs(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("killswitch", "pull", actor="admin-1", reason="drill", stdout=StringIO())
    monkeypatch.setattr("routers.management.prompt.getpass", lambda question: "wrong")
    with pytest.raises(CommandError, match="admin-1's"):
        call_command("killswitch", "release", actor="admin-1", second="admin-2", reason="over")
    assert killswitch.is_pulled()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"actor": "admin-1"}, "--reason"),
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
