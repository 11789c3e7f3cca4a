"""Deliveries as staff pick them out: the list's filters and search, which the act on all of them repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qsl, urlencode

from django.db.models import QuerySet

from lucid_payments.events.models import DeliveryState, WebhookDelivery

# The parameters of the list's address.
PARAMETERS = ("state", "q", "from", "to")
# What one act sends again at most.
MOST = 1_000


class NoSelection(ValueError):
    """The text names no selection."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Days are UTC and both included; empty fields leave everything in."""

    state: str = ""
    search: str = ""
    first: date | None = None
    last: date | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Selection:
        """From the list's parameters. Raises NoSelection."""
        state, search = query.get("state", ""), query.get("q", "").strip()
        if (state and state not in DeliveryState.values) or "\0" in search:
            raise NoSelection
        return cls(state, search, _day(query.get("from", "")), _day(query.get("to", "")))

    @classmethod
    def of_key(cls, key: str) -> Selection:
        """From what `key` answered. Raises NoSelection."""
        given = dict(parse_qsl(key))
        if not given.keys() <= {*PARAMETERS, "all"}:
            raise NoSelection
        return cls.of(given)

    @property
    def key(self) -> str:
        """A part of an address that names it."""
        given = dict(zip(PARAMETERS, (self.state, self.search, self.first, self.last), strict=True))
        return urlencode({name: value for name, value in given.items() if value}) or "all=1"

    @property
    def words(self) -> str:
        said = [DeliveryState(self.state).label.lower()] if self.state else []
        said += [self.search] if self.search else []
        said += [f"from {self.first}"] if self.first else []
        said += [f"to {self.last}"] if self.last else []
        return ", ".join(said) or "all"

    def ended(self) -> QuerySet[WebhookDelivery]:
        """Those of them that aren't under way anyway, and have somewhere to go."""
        rows = WebhookDelivery.objects.exclude(state=DeliveryState.WAITING).filter(endpoint__deleted_at=None)
        rows = rows.filter(state=self.state) if self.state else rows
        rows = named(rows, self.search) if self.search else rows
        rows = rows.filter(created_at__gte=_midnight(self.first)) if self.first else rows
        return rows.filter(created_at__lt=_midnight(self.last) + timedelta(days=1)) if self.last else rows


def named(rows: QuerySet[WebhookDelivery], term: str) -> QuerySet[WebhookDelivery]:
    """Those of an endpoint, an event, a payout or an owner, by id or name in full."""
    if term.startswith("wh_"):
        return rows.filter(endpoint__webhook_id=term)
    if term.startswith("evt_"):
        return rows.filter(event__event_id=term)
    if term.startswith("payout_"):
        return rows.filter(event__subject_type="payout", event__subject_id=term)
    return rows.filter(endpoint__owner__username=term)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise NoSelection from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
