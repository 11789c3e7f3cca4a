"""The sealer chains what is complete, in an order nobody can slip into, and works alone."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from lucid_payments.audit import chain, sealer
from lucid_payments.audit.models import AuditEntry, AuditSeal
from lucid_payments.audit.verification import verify
from lucid_payments.locks import AdvisoryLock, try_hold
from tests.harness import environment
from tests.lucid_payments.audit.conftest import write_entries

INSERT = """INSERT INTO audit_auditentry
    (actor_label, action, object_type, object_id, object_label, request_id, details)
    VALUES ('system', 'late', '', '', '', '', '{}')"""

MANY = "'system', 'many', '', '', '', '', '{}'"

# The sealer waits for every transaction of the cluster, other tests' databases included.
pytestmark = pytest.mark.alone


@pytest.fixture
def other(cloned_database: str, servers: environment.TestServers) -> psycopg.Connection[tuple[object, ...]]:
    """Somebody else's session, with a transaction of its own."""
    return psycopg.connect(environment.with_database(servers.app_url, cloned_database))


def test_every_entry_is_sealed_once(cloned_database: str) -> None:
    write_entries(5)
    assert (sealer.seal(), sealer.seal()) == (5, 0)
    seals = list(AuditSeal.objects.order_by("position"))
    assert [seal.position for seal in seals] == [1, 2, 3, 4, 5]
    assert [seal.previous_hash for seal in seals] == [chain.GENESIS, *(seal.hash for seal in seals[:-1])]


def test_the_chain_goes_on_where_it_stopped(cloned_database: str) -> None:
    write_entries(2)
    sealer.seal()
    write_entries(2)
    assert sealer.seal() == 2
    assert verify().damage == []


def test_more_than_a_batch_is_sealed_at_once(cloned_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "BATCH", 2)
    monkeypatch.setattr(sealer, "_READY", sealer._READY.replace("LIMIT 2000", "LIMIT 2"))
    write_entries(5)
    assert sealer.seal() == 5
    assert verify().damage == []


def test_a_second_s_work_is_as_little_after_a_long_log(cloned_database: str) -> None:
    """Asked what to seal, PostgreSQL goes by the index to what came since, and reads nothing of what is sealed."""
    with connection.cursor() as cursor:
        cursor.execute(f"{INSERT.partition('VALUES')[0]} SELECT {MANY} FROM generate_series(1, 6000)")
        cursor.execute("ANALYZE audit_auditentry")
    assert sealer.seal() == 6_000
    write_entries(3)
    with CaptureQueriesContext(connection) as asked:
        assert sealer.seal() == 3
    (ready,) = [query["sql"] for query in asked if "oldest_running" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {ready}")
        plan = json.dumps(cursor.fetchone()[0])
    assert "audit_entry_transaction" in plan
    assert '"Relation Name": "audit_auditentry"' in plan
    assert "Seq Scan" not in plan


def test_an_entry_that_is_committed_late_is_never_passed_over(
    other: psycopg.Connection[tuple[object, ...]],
) -> None:
    """Its id is lower than that of an entry committed before it: the sealer waits for its transaction."""
    with other:
        other.execute(INSERT)
        write_entries(1)
        assert sealer.seal() == 0
        other.commit()
        assert sealer.seal() == 2
    assert verify().unsealed == 0
    assert AuditSeal.objects.get(position=1).entry.action == "late"


def test_a_rolled_back_entry_leaves_no_gap_in_the_chain(cloned_database: str) -> None:
    write_entries(1)
    with transaction.atomic():
        write_entries(1)
        transaction.set_rollback(True)
    write_entries(1)
    assert sealer.seal() == 2
    assert verify().damage == []


def test_entries_restored_from_another_server_are_sealed_and_new_ones_after_them(
    cloned_database: str, as_owner: object
) -> None:
    """A dump brings the old server's transaction numbers, which the new server reaches years later."""
    write_entries(2)
    sealer.seal()
    write_entries(1)
    as_owner("UPDATE audit_auditentry SET transaction = '900000000000'")  # type: ignore[operator]
    assert sealer.seal() == 1
    write_entries(2)
    assert sealer.seal() == 2
    write_entries(1)
    assert sealer.seal() == 1
    report = verify()
    assert (report.sealed, report.unsealed, report.damage) == (6, 0, [])


def test_a_second_sealer_does_nothing(cloned_database: str) -> None:
    write_entries(1)

    def seal_elsewhere() -> int:
        try:
            return sealer.seal()
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        assert try_hold(AdvisoryLock.SEAL)
        assert pool.submit(seal_elsewhere).result() == 0
    assert not AuditSeal.objects.exists()


def test_eight_sealers_at_once_make_one_chain(cloned_database: str) -> None:
    write_entries(40)

    def seal_elsewhere(_: int) -> int:
        try:
            return sealer.seal()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(seal_elsewhere, range(8)))
    sealer.seal()
    assert AuditSeal.objects.count() == AuditEntry.objects.count() == 40
    assert verify().damage == []
