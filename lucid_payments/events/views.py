"""`GET /events`: what the webhooks say, for who polls."""

from __future__ import annotations

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments.accounts import roles
from lucid_payments.api.errors import InvalidRequest
from lucid_payments.api.pagination import whole_number
from lucid_payments.api.views import LucidView, caller
from lucid_payments.events import feed, schema

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
MAX_TYPE: Final = 60


class EventsView(LucidView):
    """Oldest first. `next_cursor` is the last event's id; given as `cursor`, it answers what came after it."""

    permissions = {"GET": roles.LIST}
    rate_limits = {"GET": 60}

    @schema.list_events
    def get(self, request: Request) -> Response:
        query = request.query_params
        limit = whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        cursor, wanted = query.get("cursor"), query.get("type")
        if wanted is not None and (len(wanted) > MAX_TYPE or "\0" in wanted):
            raise InvalidRequest({"type": ["Give an event's type, such as payout.confirmed."]})
        try:
            found = feed.read(caller(request), after=cursor, limit=limit, type=wanted)
        except feed.UnknownCursor:
            raise InvalidRequest({"cursor": ["The cursor isn't one of ours."]}) from None
        events = [feed.body(event) for event in found.events]
        return Response(
            {
                "events": events,
                "pagination": {
                    "limit": limit,
                    "has_next": found.has_next,
                    # Kept when nothing is new, so that a client can go on with it.
                    "next_cursor": events[-1]["id"] if events else cursor,
                },
            }
        )
