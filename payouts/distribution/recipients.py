"""Who has a claim on a run: whoever worked in its month, and whom an earlier run still owes something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

from kyc.models import Attestation, Node, Wallet
from lucid_payments.accounts.models import User
from payouts.distribution.seeds import Seed
from payouts.models.distribution import Carry, DistributionRun, Entitlement, RunInput

_LINES: Final = Entitlement._meta.db_table
_CARRIES: Final = Carry._meta.db_table
# What was carried or held there; once no payout of it is open, which might still fail.
_CARRY: Final = f"""
WITH left_over AS (
    SELECT line.* FROM {_LINES} AS line JOIN {DistributionRun._meta.db_table} AS earlier ON earlier.id = line.run_id
    WHERE line.state IN ('carried', 'held') AND line.amount > line.committed AND line.run_id <> %(run)s
        AND line.committed = line.paid
        AND earlier.state IN ('running', 'paused', 'settled', 'reported')
    ORDER BY line.id FOR UPDATE OF line
)
INSERT INTO {_CARRIES} (source_id, run_id, kind, recipient, amount, was_held)
SELECT id, %(run)s, kind, recipient, amount - committed, state = 'held' FROM left_over
"""  # noqa: S608 - tables' names, and parameters
_MOVED: Final = f"""
UPDATE {_LINES} AS line SET state = 'moved', look_again_at = NULL
FROM {_CARRIES} AS carry WHERE carry.source_id = line.id AND carry.run_id = %(run)s
"""  # noqa: S608 - tables' names, and parameters
# Credits as `shares.credits_of` has them. A node's address is the attested one, which its router pays alone; a user's
# is the proven or confirmed wallet that counts.
_ENTER: Final = f"""
WITH worked AS (
    SELECT kind, recipient, sum(sign * sessions) AS sessions, sum(sign * megabytes) AS megabytes, 0 AS carried
    FROM {RunInput._meta.db_table} WHERE run_id = %(run)s GROUP BY kind, recipient
    UNION ALL
    SELECT kind, recipient, 0, 0, sum(amount) FROM {_CARRIES} WHERE run_id = %(run)s GROUP BY kind, recipient
), claims AS (
    SELECT kind, recipient, sum(sessions) AS sessions, sum(megabytes) AS megabytes, sum(carried) AS carried
    FROM worked GROUP BY kind, recipient
), addresses AS (
    SELECT DISTINCT ON (node.node_id) 'node' AS kind, node.node_id::text AS recipient, said.wallet AS address
    FROM {Node._meta.db_table} AS node JOIN {Attestation._meta.db_table} AS said ON said.node_id = node.id
    ORDER BY node.node_id, said.seq DESC
), wallets AS (
    SELECT 'user' AS kind, owner.public_id::text AS recipient, wallet.address
    FROM {Wallet._meta.db_table} AS wallet JOIN {User._meta.db_table} AS owner ON owner.id = wallet.user_id
    WHERE wallet.ended_at IS NULL AND wallet.counts_from <= lucid_now()
)
INSERT INTO {_LINES} (run_id, kind, recipient, sessions, megabytes, credits, carried_in, rank, router_type, address,
    share, amount, outcome, outcome_reason, state, hold_reason, hold_detail, pay_to, committed, paid, next_chunk)
SELECT %(run)s, claim.kind, claim.recipient, claim.sessions, claim.megabytes,
    greatest(claim.sessions, ceil(claim.megabytes / 5), 0), claim.carried,
    row_number() OVER (ORDER BY sha256(%(seed)s || convert_to(claim.kind || ':' || claim.recipient, 'UTF8'))) - 1,
    CASE claim.kind WHEN 'node' THEN 'PayoutRouterKYC' ELSE 'PayoutRouterV0' END, coalesce(known.address, ''),
    0, claim.carried, '', '', 'frozen', '', '', coalesce(known.address, ''), 0, 0, 1
FROM claims AS claim
LEFT JOIN (SELECT * FROM addresses UNION ALL SELECT * FROM wallets) AS known
    ON known.kind = claim.kind AND known.recipient = claim.recipient
"""  # noqa: S608 - tables' names, and parameters
_TOTAL: Final = f"""
SELECT count(*), coalesce(sum(credits), 0), coalesce(sum(carried_in), 0) FROM {_LINES} WHERE run_id = %(run)s
"""  # noqa: S608 - a table's name, and parameters


@dataclass(frozen=True, slots=True)
class Entered:
    """Who has a claim; `carried_in` in base units."""

    recipients: int
    credits: int
    carried_in: int


def carry_over(run: DistributionRun) -> None:
    """Take in what earlier runs carried or held, once: there it is moved. In the transaction of the freeze."""
    with connection.cursor() as cursor:
        cursor.execute(_CARRY, {"run": run.pk})
        cursor.execute(_MOVED, {"run": run.pk})


def enter(run: DistributionRun, seed: Seed) -> Entered:
    """Write the run's entitlements, without shares yet, in the order of their hashes."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, {"run": run.pk, "seed": bytes.fromhex(seed.block_id)})
        cursor.execute(_TOTAL, {"run": run.pk})
        recipients, credits, carried_in = cursor.fetchone()
    return Entered(recipients, int(credits), int(carried_in))
