"""What the API shows of payouts, read by one plain statement however many they are.

Every other request reads some. Put together by Django, the same took two queries and most of the request's time.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import JSONField, Model

from lucid_payments.accounts.models import User
from payouts.models import Attempt, ChainState, Payout, PayoutBatch
from payouts.models.attempt import AttemptState

Row = TypeVar("Row", bound=Model)

# Bytes that may be, or were, seen on the chain: an unsigned or withdrawn transaction never is.
_PUBLIC: Final = (
    AttemptState.SIGNED.value,
    AttemptState.SENT.value,
    AttemptState.INCLUDED.value,
    AttemptState.SUCCEEDED.value,
)


class _Part(Generic[Row]):
    """Those columns of one table that somebody reads, and the rows made of them."""

    def __init__(self, model: type[Row], alias: str, names: Collection[str]) -> None:
        fields = [field for field in model._meta.concrete_fields if field.name in names]
        self.model = model
        self.names = [field.attname for field in fields]
        self.columns = ", ".join(f'{alias}."{field.column}"' for field in fields)
        self.texts = [place for place, field in enumerate(fields) if isinstance(field, JSONField)]

    def row(self, cells: Iterator[Any]) -> Row | None:
        """None where there is no such row."""
        values = list(itertools.islice(cells, len(self.names)))
        if values[0] is None:
            return None
        for place in self.texts:
            values[place] = None if values[place] is None else json.loads(values[place])
        return self.model.from_db(DEFAULT_DB_ALIAS, self.names, values)


_UNREAD: Final = ("router_conditions", "policy_version", "idempotency_key")
_PAYOUT: Final = _Part(
    Payout, "payout", {field.name for field in Payout._meta.concrete_fields}.difference(_UNREAD)
)
_CREATOR: Final = _Part(User, "creator", ("id", "role"))
_BATCH: Final = _Part(PayoutBatch, "batch", ("id", "batch_id"))
_REPLACED: Final = _Part(Payout, "replaced", ("id", "payout_id"))
_ATTEMPT: Final = _Part(
    Attempt,
    "attempt",
    (
        "id", "payout", "state", "txid", "block_number", "block_timestamp", "fee", "first_sent_at", "energy_used",
        "bandwidth_used",
    ),
)  # fmt: skip
# Its attempt is the one that pays, or the last that failed in a block when the payout has failed for good.
_STATEMENT: Final = f"""
SELECT {_PAYOUT.columns}, {_CREATOR.columns}, {_BATCH.columns}, {_REPLACED.columns}, {_ATTEMPT.columns},
    lucid_now(), (SELECT head_number FROM {ChainState._meta.db_table} WHERE id = 1)
FROM {Payout._meta.db_table} AS payout
JOIN {User._meta.db_table} AS creator ON creator.id = payout.creator_id
LEFT JOIN {PayoutBatch._meta.db_table} AS batch ON batch.id = payout.batch_id
LEFT JOIN {Payout._meta.db_table} AS replaced ON replaced.id = payout.retry_of_id
LEFT JOIN LATERAL (
    SELECT * FROM {Attempt._meta.db_table} WHERE payout_id = payout.id
        AND (state = ANY(%(public)s) OR (state = 'reverted' AND payout.status = 'failed'))
    ORDER BY id DESC LIMIT 1
) AS attempt ON true
"""  # noqa: S608 - names of tables and columns, and parameters


@dataclass(frozen=True, slots=True)
class Shown:
    """A payout, with its creator's role and the ids of its batch and of what it replaces, and its attempt."""

    payout: Payout
    attempt: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found, and the moment it is true of: the time (UTC), and the number of the chain's latest block."""

    found: list[Shown]
    at: datetime
    head: int


def by_id(payout_ids: Sequence[str], may_see: Callable[[Payout], bool]) -> Reading:
    """Those of these payouts that `may_see` lets through, newest first; others and unknown ones are left out."""
    reading = _read("payout.payout_id = ANY(%(wanted)s)", payout_ids, "DESC")
    return Reading([one for one in reading.found if may_see(one.payout)], reading.at, reading.head)


def by_key(pks: Sequence[int]) -> Reading:
    """These payouts by primary key, newest first."""
    return _read("payout.id = ANY(%(wanted)s)", pks, "DESC")


def of_batch(batch: PayoutBatch) -> Reading:
    """A batch's payouts in the order they were given."""
    return _read("payout.batch_id = ANY(%(wanted)s)", [batch.pk], "ASC")


def _read(which: str, wanted: Sequence[Any], order: str) -> Reading:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_STATEMENT} WHERE {which} ORDER BY payout.id {order}",
            {"public": list(_PUBLIC), "wanted": list(wanted)},
        )
        rows = cursor.fetchall()
    at, head = rows[0][-2:] if rows else (datetime.now(UTC), 0)
    return Reading([_shown(row) for row in rows], at.astimezone(UTC), head or 0)


def _shown(row: tuple[Any, ...]) -> Shown:
    cells = iter(row)
    payout = _PAYOUT.row(cells)
    assert payout is not None  # noqa: S101 - it is what the statement selects from
    payout.creator = cast(User, _CREATOR.row(cells))
    payout.batch = _BATCH.row(cells)
    payout.retry_of = _REPLACED.row(cells)
    return Shown(payout, _ATTEMPT.row(cells))
