"""Each page and each role: the page, a refusal, or the door. Nothing is changed by any of them."""

from __future__ import annotations

import pytest
from django.test import Client

from lucid_payments.accounts.roles import Role
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.models import (
    Alarm,
    Attempt,
    ChainState,
    LedgerAccount,
    LedgerTransfer,
    NodeAnswer,
    Payout,
    PayoutTransition,
    SignerState,
)
from routers.models import LimitWindow
from tests.lucid_payments.backoffice.test_policy import READS
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

WRITING = ("post", "put", "patch", "delete")
SHOWN = (
    Payout, PayoutTransition, Attempt, NodeAnswer, LedgerAccount, LedgerTransfer, ChainState, SignerState, Alarm,
    LimitWindow, Event, AuditEntry,
)  # fmt: skip


@pytest.mark.parametrize("role", Role.values)
def test_every_list_by_role(client: Client, role: str) -> None:
    client.force_login(world.user(role))

    for path, area in world.LISTS.items():
        answer = client.get(path)
        if not READS[role]:
            assert answer["Location"].startswith("/admin/login/"), path
        else:
            assert answer.status_code == (200 if area in READS[role] else 403), path


@pytest.mark.parametrize("role", Role.values)
def test_the_navigation_leads_where_the_role_may_go(client: Client, role: str) -> None:
    client.force_login(world.user(role))

    page = client.get("/admin/", follow=True).content.decode()

    offered = {area for path, area in world.LISTS.items() if f'<li><a href="{path}"' in page}
    assert offered == READS[role] & set(world.LISTS.values())


def test_strangers_are_led_to_the_door(client: Client) -> None:
    world.everything()

    for path in world.every_page():
        assert client.get(path)["Location"].startswith("/admin/login/"), path


def test_a_payouts_page_by_role(client: Client) -> None:
    users = world.everything()
    path = f"/admin/payouts/payout/{Payout.objects.latest('pk').payout_id}/"

    for role, user in users.items():
        client.force_login(user)
        answer = client.get(path)
        assert answer.status_code == (200 if READS[role] else 302), role
        page = answer.content.decode()
        assert ("Ledger rows" in page) == ("ledger" in READS[role]), role
        assert ("Its audit entries" in page) == ("audit" in READS[role]), role


def test_nobody_writes_anything_anywhere() -> None:
    users = world.everything()
    before = _state()

    for role, refusals in (("admin", {405}), ("end_user", {302})):
        office = Client()
        office.force_login(users[role])
        for path in world.LISTS.keys() | _a_page_of_each_kind():
            for method in WRITING:
                answer = getattr(office, method)(path, {"status": "confirmed", "_save": "1"})
                assert answer.status_code in refusals, (role, method, path)

    assert _state() == before


@pytest.mark.parametrize("path", [*world.LISTS])
def test_there_is_no_address_for_adding_changing_or_deleting(client: Client, path: str) -> None:
    users = world.everything()
    client.force_login(users["auditor"])

    for row in ("1", str(Payout.objects.latest("pk").payout_id)):
        for act in ("add/", f"{row}/change/", f"{row}/delete/", f"{row}/history/"):
            assert client.get(path + act).status_code == 404
            assert client.post(path + act).status_code in (404, 405)


@pytest.mark.parametrize(
    "path", ["password_change/", "jsi18n/", "autocomplete/", "r/1/1/", "payouts/", "auth/user/"]
)
def test_django_s_further_pages_are_not_offered(client: Client, path: str) -> None:
    client.force_login(world.user("admin"))

    assert client.get(f"/admin/{path}").status_code == 404


def _a_page_of_each_kind() -> set[str]:
    return {path for kind in ("payout/payout", "auditentry", "event/evt") for path in _pages(kind)[:1]}


def _pages(kind: str) -> list[str]:
    return [path for path in world.every_page() if f"/{kind}" in path and path not in world.LISTS]


def _state() -> list[object]:
    """Every row these pages show."""
    return [list(model.objects.order_by("pk").values()) for model in SHOWN]
