"""How long a month takes to freeze and to compute, and what it needs of memory, by the number of its recipients.

`python -m tests.load month [RECIPIENTS ...]`. Twenty sessions a recipient; half of the recipients are attested nodes,
half users with wallets. Everything of ours and PostgreSQL with its commits, on a database that is made for each size.
"""

from __future__ import annotations

import os
import resource
import time
from typing import Any, Final

from tests.load.gate import database_server
from tests.load.web import cpu_seconds_of

SIZES: Final = (1_000, 10_000, 100_000)
SESSIONS_EACH: Final = 20
TARGET_SECONDS: Final = 60
TARGET_MEGABYTES: Final = 500
USDT: Final = 1_000_000

PEOPLE: Final = """
INSERT INTO accounts_user (username, password, role, public_id, is_superuser, is_staff, is_active, first_name,
    last_name, email, date_joined, rate_factor, raised_limits, needs_idempotency_key, needs_reference)
SELECT 'month-' || n, '!', CASE WHEN n %% 2 = 0 THEN 'node_operator' ELSE 'end_user' END, gen_random_uuid(), false,
    false, true, '', '', '', now(), 1, '{}', false, false
FROM generate_series(1, %(recipients)s) AS n
"""
OPERATORS: Final = """
INSERT INTO kyc_nodeoperator (user_id, operator_id, status, kyc_hash)
SELECT id, username, 'approved', %(hash)s FROM accounts_user
WHERE username LIKE 'month-%%' AND role = 'node_operator'
"""
NODES: Final = """
INSERT INTO kyc_node (node_id, operator_id, is_active, reputation)
SELECT 'node-' || operator_id, id, true, 0.9 FROM kyc_nodeoperator WHERE operator_id LIKE 'month-%%'
"""
ATTESTATIONS: Final = """
INSERT INTO kyc_attestation (node_id, key_id, document, jti, seq, issued_at, not_before, expires_at, wallet, kyc_hash,
    level, risk, policy_version)
SELECT node.id, %(key)s, repeat('x', 900), node.node_id, 1, now() - interval '1 day', now() - interval '1 day',
    now() + interval '300 days', %(wallet)s, %(hash)s, 'full', 'low', '1'
FROM kyc_node AS node WHERE node.node_id LIKE 'node-month-%%'
"""
WALLETS: Final = """
INSERT INTO kyc_wallet (user_id, address, proof, message, signature, added_by_id, confirmed_by_id, counts_from, "end")
SELECT id, %(wallet)s, 'confirmed', '', '', %(first)s, %(second)s, now() - interval '1 day', ''
FROM accounts_user WHERE username LIKE 'month-%%' AND role = 'end_user'
"""
SESSIONS: Final = """
INSERT INTO payouts_workevent (event_id, kind, digest, occurred_at, reporter_id, session_id, node_id, user_id,
    started_at, ended_at, sessions_relayed, megabytes_relayed)
SELECT 'evt-' || md5(owner.username || '/' || n), 'session-completed', sha256(owner.username::bytea), ended, %(first)s,
    'session-' || md5(n || '/' || owner.username),
    CASE WHEN owner.role = 'node_operator' THEN 'node-' || owner.username END,
    CASE WHEN owner.role = 'end_user' THEN owner.public_id::text END, ended, ended, (n * 7919 + owner.id) %% 50,
    ((n * 104729 + owner.id * 31) %% 100000000) / 1000000.0
FROM accounts_user AS owner, generate_series(1, %(each)s) AS n,
    LATERAL (
        SELECT %(start)s::timestamptz + interval '1 second' * ((n * 7919 + owner.id * 13) %% 2500000) AS ended
    ) AS at
WHERE owner.username LIKE 'month-%%'
"""


def main(*sizes: int) -> int:
    missed = False
    with database_server() as fresh:
        for recipients in sizes or SIZES:
            with fresh():
                missed |= not one(recipients)
    return int(missed)


def one(recipients: int) -> bool:
    """Measure one size and print it; whether the targets are met."""
    from payouts.distribution import computing, freezing
    from payouts.models import PoolKind
    from tests.load.desk import postmaster
    from tests.payouts.distribution.month import OCTOBER, SEED
    from tests.policies import administrators

    fill(recipients)
    here, there = time.process_time(), cpu_seconds_of(postmaster())
    began = time.perf_counter()
    run = freezing.open_run(OCTOBER)
    freezing.draw_line(run.pk)
    run = freezing.freeze(run.pk, SEED)
    frozen = time.perf_counter()
    pool = 2 * recipients * USDT
    run = computing.compute(run.pk, kind=PoolKind.FIXED, amount=pool, actor=administrators()[0])
    computed = time.perf_counter()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{run.recipients:>7,} recipients, {run.inputs:>9,} sessions: freeze {frozen - began:5.1f} s, compute"
        f" {computed - frozen:5.1f} s, {megabytes} MB; processor {time.process_time() - here:.1f} s here,"
        f" {cpu_seconds_of(postmaster()) - there:.1f} s in the database",
        flush=True,
    )
    shared = run.pool == pool and run.inputs == recipients * SESSIONS_EACH
    return shared and computed - began < TARGET_SECONDS and megabytes < TARGET_MEGABYTES


def fill(recipients: int) -> None:
    """So many recipients with a month's work, and the database's statistics of them."""
    import psycopg
    from django.db import connection, connections

    from tests.harness.environment import with_database
    from tests.kyc import attestations
    from tests.payouts.distribution import month
    from tests.policies import administrators

    first, second = administrators()
    facts: dict[str, Any] = {
        "recipients": recipients,
        "each": SESSIONS_EACH,
        "hash": attestations.HASH,
        "key": attestations.trust().pk,
        "wallet": month.address("somebody"),
        "first": first.pk,
        "second": second.pk,
        "start": month.OCTOBER.starts_at,
    }
    with connection.cursor() as cursor:
        for statement in (PEOPLE, OPERATORS, NODES, ATTESTATIONS, WALLETS, SESSIONS):
            cursor.execute(statement, facts)
    url = with_database(os.environ["DATABASE_OWNER_URL"], connections.databases["default"]["NAME"])
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE)")
