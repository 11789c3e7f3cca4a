"""History can't be changed: not by the application, and not by the owner of its tables either."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from psycopg import errors, sql

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.privileges import append_only_tables
from payouts import ledger
from payouts.manager import PayoutManager
from payouts.models import Attempt, NodeAnswer, Payout
from payouts.order import PayoutOrder
from tests.harness.environment import TestServers, with_database

USDT = 1_000_000
OURS = ("payouts_payouttransition", "payouts_ledgertransfer", "payouts_nodeanswer")


@pytest.fixture
def payout(cloned_database: str) -> Payout:
    service = User.objects.create_user(username="service", password=None, role="service")
    ledger.book_inflow(USDT, note="something to change")
    order = PayoutOrder(
        recipient_address="TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9", amount=USDT, reason="test", reference_id="r"
    )
    made = PayoutManager.create(creator=service, order=order)
    (reservation,) = ledger.reserve([made])
    attempt = Attempt.objects.create(
        payout=made, number=1, txid="a" * 64, raw_data=b"", owner_address="", contract_address="",
        recipient_address="", amount=USDT, fee_limit=1, expiration_ms=1, reference_block=0, predicted_energy=0,
        predicted_fee=0, blacklist_clear_at=clock.now(), blacklist_clear_block=0, reservation=reservation,
        windows=[], state="withdrawn",
    )  # fmt: skip
    NodeAnswer.objects.create(attempt=attempt, node="node1", outcome="accepted")
    return made


@pytest.fixture(params=["application", "owner"])
def role(
    request: pytest.FixtureRequest, servers: TestServers, cloned_database: str, payout: Payout
) -> Iterator[psycopg.Connection]:
    """A connection of each role to a database with rows in it."""
    url = servers.owner_url if request.param == "owner" else servers.app_url
    with psycopg.connect(with_database(url, cloned_database), autocommit=True) as opened:
        yield opened


def test_all_of_history_is_marked() -> None:
    assert set(OURS) <= set(append_only_tables())


@pytest.mark.parametrize("table", OURS)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_a_row_of_history_stays(role: psycopg.Connection, table: str, statement: str) -> None:
    count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    before = role.execute(count).fetchone()
    assert before != (0,)
    with pytest.raises(errors.InsufficientPrivilege):
        role.execute(sql.SQL(statement).format(sql.Identifier(table)))
    assert role.execute(count).fetchone() == before


@pytest.mark.parametrize(
    "change",
    [
        "recipient_address = 'TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK'",
        "amount = amount + 1",
        "reference_id = 'another'",
        "router_type = 'PayoutRouterKYC'",
        "payout_id = 'payout_of_somebody_else'",
        "retry_of_id = id",
    ],
)
def test_what_was_asked_for_is_never_changed(role: psycopg.Connection, payout: Payout, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        role.execute(f"UPDATE payouts_payout SET {change}")
    payout.refresh_from_db()
    assert payout.amount == USDT


def test_an_ended_payout_doesn_t_begin_again(role: psycopg.Connection, payout: Payout) -> None:
    PayoutManager.cancel(payout, actor=payout.creator, reason="test")
    for status in ("scheduled", "released", "confirmed", "failed"):
        with pytest.raises(errors.InsufficientPrivilege):
            role.execute("UPDATE payouts_payout SET status = %s", [status])


@pytest.mark.parametrize(
    "change",
    ["txid = repeat('b', 64)", "raw_data = 'x'", "amount = 2", "expiration_ms = 2", "state = 'prepared'"],
)
def test_an_attempt_s_intent_and_its_end_stay(role: psycopg.Connection, payout: Payout, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        role.execute(f"UPDATE payouts_attempt SET {change}")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE payouts_payout DISABLE TRIGGER USER",
        "DROP TRIGGER payouts_payout_intent_stays ON payouts_payout",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_can_t_take_its_triggers_away(payout: Payout, statement: str) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
