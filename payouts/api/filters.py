"""The filters of `GET /payouts`."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_date, parse_datetime

from lucid_payments.api.errors import InvalidRequest
from payouts.models import Payout
from payouts.models.payout import PUBLIC_STATUS
from routers.choices import RouterType

NAMES = ("status", "router_type", "batch_id", "reference_id", "start_date", "end_date")
MAX_TEXT = 100


def apply(payouts: QuerySet[Payout], query: QueryDict) -> tuple[QuerySet[Payout], dict[str, Any]]:
    """The payouts that pass, and the filters as applied. Raises InvalidRequest for a value that can't be."""
    applied: dict[str, Any] = {name: query.get(name) for name in NAMES}
    if (status := _choice(applied, "status", set(PUBLIC_STATUS.values()))) is not None:
        internal = [name for name, public in PUBLIC_STATUS.items() if public == status]
        payouts = payouts.filter(status__in=internal)
    if (router := _choice(applied, "router_type", set(RouterType.values))) is not None:
        payouts = payouts.filter(router_type=router)
    if (reference := _text(applied, "reference_id")) is not None:
        payouts = payouts.filter(reference_id=reference)
    if (batch := _text(applied, "batch_id")) is not None:
        payouts = payouts.filter(batch__batch_id=batch)
    if (start := _moment(applied, "start_date")) is not None:
        payouts = payouts.filter(created_at__gte=start)
    if (end := _moment(applied, "end_date")) is not None:
        payouts = payouts.filter(created_at__lt=end)
    return payouts, applied


def _choice(applied: dict[str, Any], name: str, choices: set[str]) -> str | None:
    value: str | None = applied[name]
    if value is not None and value not in choices:
        raise InvalidRequest({name: ["Give one of " + ", ".join(sorted(choices)) + "."]})
    return value


def _text(applied: dict[str, Any], name: str) -> str | None:
    value: str | None = applied[name]
    if value is not None and (len(value) > MAX_TEXT or "\0" in value):
        raise InvalidRequest({name: [f"Give at most {MAX_TEXT} characters."]})
    return value


def _moment(applied: dict[str, Any], name: str) -> datetime | None:
    """A moment as UTC; a date is its first moment. `applied` shows what it was taken for."""
    text: str | None = applied[name]
    if text is None:
        return None
    try:
        # A plus sign that wasn't escaped in the URL arrives as a blank.
        found = parse_date(text) or parse_datetime(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None:
        raise InvalidRequest({name: ["Give a date or a time in ISO 8601, such as 2026-01-31T12:00:00Z."]})
    moment = found if isinstance(found, datetime) else datetime.combine(found, time())
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    applied[name] = utc
    return utc
