"""The auditor sees everything and changes nothing: every page and every act that there is, new ones of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.policy import READERS
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.models import Payout
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db

WRITING = ("post", "put", "patch", "delete")
# What an auditor's own account needs. They concern nobody else.
OWN_ACCOUNT = frozenset({"login", "logout", "password", "factor", "factor_picture"})
# Asks for a reason and a fresh second factor, and leaves an audit entry alone: each room's tests of its archive.
EXPORTS = frozenset({"payouts_payout_archive", "kyc_kycrecord_archive"})
# The visitor's own session moves with each request.
MOVES = frozenset({"django_session"})
OWN_ACTS = frozenset({"factor.renew_codes"})
ROWS = """SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM "{table}" t"""


@pytest.fixture
def auditor() -> Client:
    # The URLs' module is what makes the pages known.
    reverse("admin:index")
    users = world.everything()
    client = Client()
    client.force_login(users[Role.AUDITOR])
    return client


def pages() -> list[RecordAdmin]:
    return [page for page in site._registry.values() if isinstance(page, RecordAdmin)]


def named_urls() -> Iterator[tuple[str, dict[str, str]]]:
    """Each address of the back office, with something to stand in it."""
    stand_ins = {"kind": next(iter(acts.titles())), "key": Payout.objects.latest("pk").payout_id}
    stand_ins["document_id"] = stand_ins["officer"] = str(uuid4())

    def walk(patterns: list[Any]) -> Iterator[tuple[str, dict[str, str]]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            elif isinstance(pattern, URLPattern) and pattern.name:
                wanted = pattern.pattern.converters
                yield pattern.name, {name: stand_ins.get(name, "1") for name in wanted}

    yield from walk(site.get_urls())


def state() -> dict[str, str]:
    """Every row of every table, as a fingerprint of each table."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            if model._meta.managed and table not in MOVES:
                cursor.execute(ROWS.format(table=table))
                found[table] = cursor.fetchone()[0]
    return found


def test_the_auditor_reads_every_area() -> None:
    assert [area for area, roles in READERS.items() if Role.AUDITOR not in roles] == []


def test_every_list_and_a_row_of_each_opens(auditor: Client, rf: Any) -> None:
    opened, request = 0, rf.get("/admin/")
    request.user = User.objects.get(role=Role.AUDITOR)
    for page in pages():
        assert auditor.get(page.list_url()).status_code == 200, page.list_url()
        row = page.get_queryset(request).order_by("pk").last() if page.page_template else None
        if row is not None:
            answer = auditor.get(page.url_of(row))
            assert answer.status_code == 200, page.url_of(row)
            opened += 1
    assert opened > 8


def test_no_page_offers_to_add_change_or_delete(auditor: Client, rf: Any) -> None:
    request = rf.get("/admin/")
    request.user = User.objects.get(role=Role.AUDITOR)
    for page in site._registry.values():
        for offered in (page.has_add_permission, page.has_change_permission, page.has_delete_permission):
            assert not offered(request), page


def test_nothing_sent_to_any_address_changes_anything(auditor: Client) -> None:
    before = state()
    sent = 0
    for name, arguments in named_urls():
        if name in OWN_ACCOUNT | EXPORTS:
            continue
        try:
            address = reverse(f"admin:{name}", kwargs=arguments)
        except NoReverseMatch:
            pytest.fail(f"{name} needs a stand-in for {sorted(arguments)}")
        for method in WRITING:
            answer = getattr(auditor, method)(
                address, {"reason": "I would like to change this", "_save": "1"}
            )
            assert answer.status_code in (200, 302, 403, 404, 405), (method, address)
            sent += 1
    assert sent > 60
    assert state() == before


def test_no_act_is_an_auditor_s(auditor: Client) -> None:
    user = User.objects.get(role=Role.AUDITOR)
    kinds = acts.titles()
    assert len(kinds) > 10
    for kind in kinds.keys() - OWN_ACTS:
        act = acts.of_kind(kind)
        assert Role.AUDITOR not in act.roles, kind
        assert not acts.may_act(user, act.roles), kind
    assert set(acts.kinds_for(Role.AUDITOR)) <= OWN_ACTS


def test_no_act_s_page_does_anything_for_an_auditor(auditor: Client) -> None:
    before = state()
    for kind in acts.titles().keys() - OWN_ACTS:
        for key in (acts.NEW, Payout.objects.latest("pk").payout_id):
            answer = auditor.post(acts.url(kind, key), {"reason": "I would like to do this"})
            assert answer.status_code in (403, 404), (kind, key)
    assert state() == before
