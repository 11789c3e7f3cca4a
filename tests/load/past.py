"""A past to be slow in: API clients with keys, and payouts by the hundred thousand that ended in the last month.

`python -m tests.load.past PAYOUTS CLIENTS` writes them into the database of its environment and prints, as JSON, each
client's machine key and some of its payouts. All of it is written by a few statements: nothing here was ever on a
chain, but every payout has its timeline, its attempt and its bookings, and the ledger's totals are theirs.
"""

from __future__ import annotations

import json
import sys
from typing import Any

SHOWN = 200
# What stands in the treasury's books before and is more than all of them together.
FUNDS = 10**13
DAYS = 30
AMOUNT = "(1 + n %% 50) * 1000000"
# Of a hundred: 3 reverted for good and 2 were called off; the rest was paid.
STATUS = "CASE WHEN n %% 100 < 3 THEN 'failed' WHEN n %% 100 < 5 THEN 'cancelled' ELSE 'confirmed' END"
MADE_AT = f"now() - interval '{DAYS} days' * (1 - n::float / %(payouts)s) - interval '10 minutes'"

# Half of all belongs to the first client, as one system usually asks for most.
PAYOUTS = f"""
INSERT INTO payouts_payout (payout_id, creator_id, status, failure_code, failure_message, recipient_address, amount,
    reason, router_type, router_conditions, priority, batch_type, on_limit, session_id, reference_id, request_id,
    due_at, retries, created_at, ended_at, version)
SELECT 'payout_' || md5(n::text), (%(clients)s::bigint[])[CASE WHEN n %% 2 = 0 THEN 1 ELSE 1 + n / 2 %% %(count)s END],
    status, CASE WHEN status = 'failed' THEN 'LUCID_ERR_2008' END, CASE WHEN status = 'failed' THEN 'Reverted.' END,
    (%(recipients)s::text[])[1 + n %% cardinality(%(recipients)s::text[])], {AMOUNT}, 'relay work', 'PayoutRouterV0',
    '{{}}', 2, 'IMMEDIATE', 'hold', 'session-' || n, 'past-' || n, '', at, 0, at, at + interval '1 minute', 5
FROM (SELECT n, {STATUS} AS status, {MADE_AT} AS at FROM generate_series(1, %(payouts)s) AS n) AS made
"""
TIMELINE = """
INSERT INTO payouts_payouttransition (payout_id, from_status, to_status, actor_label, detail, at)
SELECT id, step.before, step.after, 'system', '', created_at + step.later
FROM payouts_payout CROSS JOIN LATERAL (VALUES
    ('', 'scheduled', interval '0'), ('scheduled', 'released', interval '1 second'),
    ('released', 'sent', interval '3 seconds'), ('sent', status, interval '1 minute')
) AS step (before, after, later)
WHERE status <> 'cancelled' OR step.before = ''
UNION ALL
SELECT id, 'scheduled', 'cancelled', 'system', '', ended_at FROM payouts_payout WHERE status = 'cancelled'
"""
RESERVED = """
INSERT INTO payouts_ledgertransfer (kind, debit_id, credit_id, amount, payout_id, txid, note, at)
SELECT 'pending', payable.id, treasury.id, payout.amount, payout.id, '', '', payout.created_at + interval '1 second'
FROM payouts_payout AS payout, payouts_ledgeraccount AS payable, payouts_ledgeraccount AS treasury
WHERE payable.name = 'payable_v0' AND treasury.name = 'treasury' AND payout.status <> 'cancelled'
"""
ATTEMPTS = """
INSERT INTO payouts_attempt (payout_id, number, state, txid, raw_data, owner_address, contract_address,
    recipient_address, amount, fee_limit, expiration_ms, reference_block, predicted_energy, predicted_fee,
    blacklist_clear_at, blacklist_clear_block, reservation_id, windows, created_at, signed_transaction, signed_at,
    first_sent_at, sends, block_number, block_id, block_timestamp, result, fee, energy_used, bandwidth_used,
    first_included_at, resolved_at)
SELECT payout.id, 1, CASE payout.status WHEN 'confirmed' THEN 'succeeded' ELSE 'reverted' END,
    md5(payout.id::text) || md5(payout.payout_id), '\\x0a', 'past', 'past', payout.recipient_address, payout.amount,
    15000000, extract(epoch FROM payout.created_at)::bigint * 1000000 + payout.id, payout.id, 130285, 13000000,
    payout.created_at, payout.id, held.id, '[]', payout.created_at, '\\x0a', payout.created_at, payout.created_at, 1,
    payout.id, md5(payout.id::text) || md5('block'), payout.created_at + interval '3 seconds',
    CASE payout.status WHEN 'confirmed' THEN 'SUCCESS' ELSE 'REVERT' END, 13000000, 130285, 345,
    payout.created_at + interval '3 seconds', payout.ended_at
FROM payouts_payout AS payout JOIN payouts_ledgertransfer AS held ON held.payout_id = payout.id
"""
SETTLED = """
INSERT INTO payouts_ledgertransfer (kind, debit_id, credit_id, amount, pending_id, payout_id, txid, note, at)
SELECT CASE attempt.state WHEN 'succeeded' THEN 'post' ELSE 'void' END, held.debit_id, held.credit_id, held.amount,
    held.id, held.payout_id, attempt.txid, '', attempt.resolved_at
FROM payouts_attempt AS attempt JOIN payouts_ledgertransfer AS held ON held.id = attempt.reservation_id
"""
TOTALS = """
WITH paid AS (SELECT sum(amount) AS amount FROM payouts_ledgertransfer WHERE kind = 'post')
UPDATE payouts_ledgeraccount SET
    debits_posted = debits_posted + CASE name WHEN 'payable_v0' THEN paid.amount ELSE 0 END,
    credits_posted = credits_posted + CASE name WHEN 'treasury' THEN paid.amount ELSE 0 END
FROM paid WHERE name IN ('payable_v0', 'treasury')
"""
STATEMENTS = (PAYOUTS, TIMELINE, RESERVED, ATTEMPTS, SETTLED, TOTALS)


def write(payouts: int, clients: list[int], *, tidy: bool = True) -> None:
    """So many payouts of these users (primary keys), in a database that has none.

    `tidy`: bring the planner's figures up to date, which no transaction may do.
    """
    from django.db import connection, transaction

    from payouts import ledger, tally
    from tests.load.client import recipient

    values: dict[str, Any] = {
        "payouts": payouts,
        "clients": clients,
        "count": len(clients),
        "recipients": [recipient(f"past-{number}") for number in range(500)],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        ledger.book_inflow(FUNDS, note="funds of the past")
        for statement in STATEMENTS:
            cursor.execute(statement, values)
    tally.fold()
    if tidy:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")


def make_clients(count: int) -> list[dict[str, Any]]:
    """So many services, each with a key of its own."""
    from lucid_payments.accounts import machine_keys
    from lucid_payments.accounts.models import User

    admin, second = (User.objects.create_user(name, role="admin") for name in ("admin", "second"))
    made = []
    for number in range(count):
        user = User.objects.create_user(f"client-{number}", role="service")
        scopes = ["payment:create", "payment:read", "payment:list", "payment:stats", "work:report"]
        key = machine_keys.create(
            user, name="load", scopes=scopes, networks=[], days=1, created_by=admin, confirmed_by=second, evidence={}
        )  # fmt: skip
        made.append({"pk": user.pk, "key": machine_keys.make_secret(key, actor=admin)})
    return made


def some_payouts(pk: int) -> list[str]:
    """Ids of this user's payouts, from all over the time."""
    from payouts.models import Payout

    every = list(Payout.objects.filter(creator_id=pk).values_list("payout_id", flat=True))
    return every[:: max(1, len(every) // SHOWN)][:SHOWN]


def main(payouts: int, clients: int) -> None:
    import django

    django.setup()
    from tests.policies import ask_no_approvals

    made = make_clients(clients)
    # The first client's days are above what one may ask for alone; how fast people approve isn't measured.
    ask_no_approvals("service")
    write(payouts, [client["pk"] for client in made])
    told = [{"key": client["key"], "payouts": some_payouts(client["pk"])} for client in made]
    print(json.dumps(told))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
