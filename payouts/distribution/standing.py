"""Whether a recipient may be paid as things stand: registered, verified, attested, with the address that was frozen.

Read from columns, for a hundred thousand at once. Attestations' signatures, limits and sanctions lists are asked about
for each payout when it is made, when it is released, and when it is signed: nobody is paid by what stands here alone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db import connection

from kyc.eligibility import MINIMUM_REPUTATION
from kyc.models import Attestation, Node, NodeOperator, Wallet
from lucid_payments.accounts.models import User
from payouts.models.distribution import Entitlement

# What Core calls a user is our public id of theirs; other names are nobody's.
_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# `reason` (a LineHold, empty where nothing speaks against it) and `now_at`, the address that counts by now, of each
# line that `WHERE` picks; see `of`.
_STANDING: Final = f"""
SELECT line.id, coalesce(said.wallet, wallet.address, '') AS now_at,
    CASE
        WHEN line.kind = 'node' AND node.id IS NULL THEN 'not_registered'
        WHEN line.kind = 'user' AND owner.is_active IS NOT TRUE THEN 'not_registered'
        WHEN NOT node.is_active THEN 'node_inactive'
        WHEN operator.status <> 'approved' OR operator.kyc_hash !~ '^sha256:[0-9a-f]{{64}}$' THEN 'kyc'
        WHEN line.kind = 'node' AND (said.id IS NULL OR said.expires_at <= lucid_now()
            OR said.not_before > lucid_now() OR said.kyc_hash <> operator.kyc_hash) THEN 'attestation'
        WHEN line.kind = 'node' AND coalesce(node.reputation, 0) < {MINIMUM_REPUTATION} THEN 'reputation'
        WHEN coalesce(said.wallet, wallet.address) IS NULL THEN 'no_wallet'
        WHEN coalesce(said.wallet, wallet.address) <> line.pay_to THEN 'address_changed'
        ELSE ''
    END AS reason
FROM {Entitlement._meta.db_table} AS line
LEFT JOIN {Node._meta.db_table} AS node ON line.kind = 'node' AND node.node_id = line.recipient
LEFT JOIN {NodeOperator._meta.db_table} AS operator ON operator.id = node.operator_id
LEFT JOIN LATERAL (
    SELECT * FROM {Attestation._meta.db_table} AS newest WHERE newest.node_id = node.id ORDER BY seq DESC LIMIT 1
) AS said ON true
LEFT JOIN {User._meta.db_table} AS owner ON owner.public_id =
    CASE WHEN line.kind = 'user' AND line.recipient ~ '{_UUID}' THEN line.recipient::uuid END
LEFT JOIN {Wallet._meta.db_table} AS wallet
    ON wallet.user_id = owner.id AND wallet.ended_at IS NULL AND wallet.counts_from <= lucid_now()
"""  # noqa: S608 - tables' names, and a constant


def of(condition: str) -> str:
    """SQL that answers (id, now_at, reason) of the entitlements `line` for which `condition` holds."""
    return f"{_STANDING} WHERE {condition}"


_SOME: Final = of("line.id = ANY(%s)")


def of_some(pks: Collection[int]) -> dict[int, tuple[str, str]]:
    """The address that counts by now, and why not (a LineHold, or empty), of each of these entitlements."""
    if not pks:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SOME, [list(pks)])
        return {pk: (now_at, reason) for pk, now_at, reason in cursor.fetchall()}
