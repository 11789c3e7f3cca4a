"""The kill switches: one person pulls, or the system; two release."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from routers import killswitch
from routers.models import KillSwitch
from tests.policies import administrators

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
    assert killswitch.release(actor=admin, second=second, reason="prices corrected")
    assert not killswitch.is_pulled()
    assert not killswitch.release(actor=admin, second=second, reason="again")
    acts = ["killswitch.pulled", "killswitch.released"]
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == acts
    assert list(Event.objects.order_by("pk").values_list("type", flat=True)) == acts
    entry = AuditEntry.objects.get(action="killswitch.released")
    assert (entry.actor, entry.details["confirmed_by"]) == (admin, second.username)


def test_one_person_releases_nothing(admin: User) -> None:
    killswitch.pull(actor=admin, reason="wrong prices")
    with pytest.raises(IntegrityError), transaction.atomic():
        killswitch.release(actor=admin, second=admin, reason="prices corrected")
    assert killswitch.is_pulled()


def test_the_database_refuses_one_person_s_release_whoever_writes(admin: User) -> None:
    killswitch.pull(actor=admin, reason="wrong prices")
    for second in (None, admin):
        with pytest.raises(IntegrityError), transaction.atomic():
            KillSwitch.objects.filter(pk=1).update(pulled=False, second=second)


def test_a_router_s_switch_stops_that_router_and_the_global_one_both(admin: User) -> None:
    killswitch.pull(actor=admin, reason="only V0", scope=V0)
    assert (killswitch.is_pulled(), killswitch.stopped_routers()) == (False, frozenset({V0}))
    killswitch.pull(actor=admin, reason="all")
    assert killswitch.stopped_routers() == {V0, "PayoutRouterKYC"}


def test_the_system_may_pull_it_without_a_person() -> None:
    assert killswitch.pull(actor=None, reason="money left that isn't ours")
    assert AuditEntry.objects.get().actor_label == "system"
