"""A desk with years behind it: records of as many persons by the ten thousand, half of them waiting for somebody.

All of it is written by a few statements, and nothing sealed in it opens. What is opened while measuring comes by the
acts that lead there, due before all of these.
"""

from __future__ import annotations

import json
from typing import Any

# Of a hundred: 40 wait, 4 are worked on, 4 have a lease that ran out, 3 are put off, 4 wait for the applicant, 3 for a
# second reviewer, 2 for a responsible officer, 2 are drafts; the rest is decided.
STATE = """CASE WHEN share < 40 THEN 'submitted' WHEN share < 51 THEN 'in_review' WHEN share < 55 THEN 'info_requested'
    WHEN share < 58 THEN 'pending_second_review' WHEN share < 60 THEN 'submitted' WHEN share < 62 THEN 'draft'
    WHEN share < 90 THEN 'approved' WHEN share < 92 THEN 'expiring' WHEN share < 96 THEN 'rejected'
    WHEN share < 98 THEN 'expired' WHEN share = 98 THEN 'suspended' ELSE 'revoked' END"""
# Half of what waits should have been decided already.
DUE = "%(now)s::timestamptz + interval '1 minute' * ((n * 7919) %% 8000 - 4000)"
PEOPLE = """
INSERT INTO accounts_user (username, password, role, public_id, is_superuser, is_staff, is_active, first_name,
    last_name, email, date_joined, rate_factor, raised_limits, needs_idempotency_key, needs_reference)
SELECT 'past-' || n, '!', 'node_operator', gen_random_uuid(), false, false, true, '', '', '', %(now)s, 1, '{}', false,
    false
FROM generate_series(1, %(records)s) AS n
"""
OPERATORS = """
INSERT INTO kyc_nodeoperator (user_id, operator_id, status, kyc_hash)
SELECT id, username, 'draft', '' FROM accounts_user WHERE username LIKE 'past-%%'
"""
SUBJECTS = """
INSERT INTO kyc_subject (public_id, wrapped_key, kek_id, created_at)
SELECT 'subject_' || md5(n::text), sha256(n::text::bytea), 'past', %(now)s FROM generate_series(1, %(records)s) AS n
"""
RECORDS = f"""
INSERT INTO kyc_kycrecord (public_id, operator_id, number, subject_id, state, revision, version, created_at,
    submitted_at, submitted_by_id, due_at, clock_stopped_at, snoozed_until, woke_because, owner_id, lease_until,
    escalated_at, risk, reason_code, first_reviewer_id, decided_at, kyc_hash, expires_at)
SELECT 'kyc_' || md5(n::text), operator.id, 1, subject.id, state, 6, 1, {DUE} - interval '3 days',
    {DUE} - interval '3 days', operator.user_id,
    CASE WHEN share < 60 THEN {DUE} END, CASE WHEN state = 'info_requested' THEN {DUE} - interval '1 day' END,
    CASE WHEN share BETWEEN 48 AND 50 THEN %(now)s::timestamptz + interval '2 days' END, '',
    CASE WHEN share BETWEEN 40 AND 54 THEN (%(officers)s::bigint[])[1 + n %% cardinality(%(officers)s::bigint[])] END,
    CASE WHEN share BETWEEN 40 AND 43 THEN %(now)s::timestamptz + interval '20 minutes'
        WHEN share BETWEEN 44 AND 47 THEN %(now)s::timestamptz - interval '5 minutes' END,
    CASE WHEN share IN (58, 59) THEN {DUE} - interval '1 day' END,
    CASE WHEN share BETWEEN 55 AND 57 THEN 'high' WHEN share BETWEEN 62 AND 91 THEN 'low' ELSE '' END, '',
    CASE WHEN share BETWEEN 55 AND 57 OR share >= 62 THEN (%(officers)s::bigint[])[1] END,
    CASE WHEN share >= 62 THEN {DUE} END,
    CASE WHEN share BETWEEN 62 AND 91 THEN 'sha256:' || encode(sha256(n::text::bytea), 'hex') ELSE '' END,
    CASE WHEN share >= 62 THEN {DUE} + interval '2 years' END
FROM (SELECT n, n %% 100 AS share, {STATE.replace("share", "n %% 100")} AS state
    FROM generate_series(1, %(records)s) AS n) AS made
JOIN kyc_nodeoperator AS operator ON operator.operator_id = 'past-' || n
JOIN kyc_subject AS subject ON subject.public_id = 'subject_' || md5(n::text)
"""
CONTENTS = """
INSERT INTO kyc_kyccontent (id, record_id, version, schema, names, sealed, created_at)
SELECT gen_random_uuid(), id, 1, 'lucid/kyc/1', %(names)s, decode(repeat(md5(id::text), 40), 'hex'), created_at
FROM kyc_kycrecord
"""
LOOKUPS = """
INSERT INTO kyc_kyclookup (record_id, field, digest)
SELECT id, field, sha256((field || id)::bytea) FROM kyc_kycrecord, unnest(%(found_by)s::text[]) AS field
"""
STEPS = """
INSERT INTO kyc_kycstep (record_id, revision, act, from_state, to_state, reason_code, actor_label, details, at)
SELECT record.id, step, CASE step WHEN 1 THEN 'begun' WHEN 2 THEN 'document_added' WHEN 3 THEN 'submitted'
    ELSE 'noted' END, 'draft', state, '', 'past', '{}', created_at + interval '1 minute' * step
FROM kyc_kycrecord AS record, generate_series(1, 6) AS step
"""
DOCUMENTS = """
INSERT INTO kyc_kycdocument (id, record_id, kind, media_type, size, sha256, page_count, added_by_id, added_at)
SELECT gen_random_uuid(), record.id, kind, 'application/pdf', 90000, md5(record.id::text) || md5(kind), 1,
    submitted_by_id, record.created_at
FROM kyc_kycrecord AS record, unnest(ARRAY['passport', 'proof_of_address']) AS kind
"""
MARKS = """
INSERT INTO kyc_kycmark (record_id, place, finding, reason_code, version, by_id, at)
SELECT record.id, 'field:' || field, 'good', '', 1, (%(officers)s::bigint[])[1], record.created_at
FROM kyc_kycrecord AS record, unnest(%(found_by)s::text[]) AS field WHERE state <> 'submitted'
"""
STATEMENTS = (PEOPLE, OPERATORS, SUBJECTS, RECORDS, CONTENTS, LOOKUPS, STEPS, DOCUMENTS, MARKS)


def write(records: int, officers: list[int]) -> None:
    """So many records, in a database that has none; `officers` (primary keys) have or had what is worked on."""
    from django.db import connection, transaction

    from kyc.review.fields import FIELDS
    from lucid_payments import clock

    values: dict[str, Any] = {
        "records": records,
        "officers": officers,
        "now": clock.now(),
        "names": json.dumps([name for name, field in FIELDS.items() if field.required]),
        "found_by": [name for name, field in FIELDS.items() if field.found_by],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement, values)
