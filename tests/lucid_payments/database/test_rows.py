"""Plain statements give the same rows as Django's own queries."""

from __future__ import annotations

import pytest

from lucid_payments.accounts.models import User
from lucid_payments.api.models import Block
from lucid_payments.database import rows
from routers.models import RouterPolicy

pytestmark = pytest.mark.django_db


def every_field(row: User | RouterPolicy) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_row_holds_what_django_reads() -> None:
    made = User.objects.create_user(
        "somebody", role="service", rate_factor=3, raised_limits={"GET /payouts": 9}
    )
    (found,) = rows.read(User, "SELECT * FROM accounts_user WHERE id = %s", [made.pk])
    assert every_field(found) == every_field(User.objects.get(pk=made.pk))
    assert not found._state.adding


def test_columns_may_come_in_any_order_and_some_alone() -> None:
    made = User.objects.create_user("somebody", role="service")
    (found,) = rows.read(User, "SELECT role, id FROM accounts_user WHERE id = %s", [made.pk])
    assert (found.pk, found.role) == (made.pk, "service")
    assert found.get_deferred_fields() >= {"username", "rate_factor"}
    assert found.username == "somebody"


def test_a_column_that_is_no_field_is_an_attribute() -> None:
    found = rows.read(RouterPolicy, "SELECT *, scope || '!' AS loud FROM routers_routerpolicy", [])
    assert {row.scope + "!" for row in found} == {getattr(row, "loud") for row in found}  # noqa: B009


def test_nothing_found_is_no_row() -> None:
    assert rows.read(Block, "SELECT * FROM api_block WHERE subject = %(who)s", {"who": "nobody"}) == []
