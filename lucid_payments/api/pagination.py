"""Lists, newest first: by offset for people, by cursor for machines and deep pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.db import models
from django.http import QueryDict

from lucid_payments.api import errors

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
# A deep OFFSET reads all that it skips; beyond this the cursor is the way.
MAX_OFFSET: Final = 10_000
EXACT_TOTAL: Final = 10_000

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: list[Row]
    pagination: dict[str, Any]


def paginate(queryset: models.QuerySet[Row], query: QueryDict, *, cursor_field: str) -> Page[Row]:
    """One page of `queryset` by descending primary key.

    A cursor is the last row's `cursor_field`, its public id, looked up among the rows the caller may see.
    Raises InvalidRequest for a bad `limit`, `offset` or `cursor`, or the last two together.
    """
    limit = whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    offset = whole_number(query, "offset", 0, 0, MAX_OFFSET)
    cursor = query.get("cursor")
    rows = queryset.order_by("-pk")
    if cursor is not None:
        if "offset" in query:
            raise errors.InvalidRequest({"cursor": ["Give a cursor or an offset, not both."]})
        rows = rows.filter(pk__lt=_position(queryset, cursor_field, cursor))
    found = list(rows[offset : offset + limit + 1])
    shown = found[:limit]
    has_next = len(found) > limit
    return Page(
        shown,
        {
            "total": _total(queryset),
            "limit": limit,
            "offset": offset,
            "has_next": has_next,
            "has_previous": offset > 0 or cursor is not None,
            "next_cursor": getattr(shown[-1], cursor_field) if has_next else None,
        },
    )


def _position(queryset: models.QuerySet[Row], cursor_field: str, cursor: str) -> Any:
    # Filters don't count here: the row of the cursor may have changed its status since the last page.
    known = queryset.model._default_manager.filter(**{cursor_field: cursor}) if "\0" not in cursor else None
    position = known.values_list("pk", flat=True).first() if known is not None else None
    if position is None:
        raise errors.InvalidRequest({"cursor": ["The cursor isn't one of ours."]})
    return position


def _total(queryset: models.QuerySet[Row]) -> int:
    """Exact up to 10,000; beyond that the planner's estimate, rounded to thousands."""
    exact = queryset.order_by()[: EXACT_TOTAL + 1].count()
    if exact <= EXACT_TOTAL:
        return exact
    plan = json.loads(queryset.order_by().explain(format="json"))
    estimate = int(plan[0]["Plan"]["Plan Rows"])
    return max(EXACT_TOTAL, round(estimate, -3))


def whole_number(query: QueryDict, name: str, default: int, low: int, high: int) -> int:
    """A query's number. Raises InvalidRequest for anything else."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high):
        raise errors.InvalidRequest({name: [f"Give a whole number from {low} to {high}."]})
    return int(text)
