"""The transaction of a payout, one or a hundred at a time."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments.accounts import roles
from lucid_payments.api import idempotency
from lucid_payments.api.errors import InvalidRequest, PayoutNotFound
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.views import LucidView, caller
from lucid_payments.money import to_decimal
from payouts.api import estimates, forecast, reading, schema, shown
from payouts.api.access import sees
from payouts.api.estimates import REQUIRED_CONFIRMATIONS
from payouts.api.representation import Starts, confirmations
from payouts.api.serializers import PAYOUT_ID
from payouts.api.shown import Reading, Shown
from payouts.models import Payout

MAX_BULK: Final = 100


class TransactionView(LucidView):
    """What belongs to somebody else doesn't exist."""

    permissions = {"GET": roles.READ}
    rate_limits = {"GET": 60}

    @schema.get_transaction
    def get(self, request: Request, payout_id: str) -> Response:
        if not re.fullmatch(PAYOUT_ID, payout_id):
            raise PayoutNotFound
        found = _represented(_visible(request, [payout_id]))
        if not found:
            raise PayoutNotFound
        return Response(found[0])


class BulkTransactionsView(LucidView):
    """A read by POST, for the length of its list."""

    permissions = {"POST": roles.READ}
    rate_limits = {"POST": 30}

    @schema.get_transactions
    def post(self, request: Request) -> HttpResponse:
        return idempotency.run_once(request._request, caller(request), lambda: self._read(request))

    def _read(self, request: Request) -> Answer:
        asked = _ids(request.data)
        by_id = {found["payout_id"]: found for found in _represented(_visible(request, asked))}
        return Answer(200, [by_id[payout_id] for payout_id in asked if payout_id in by_id], "")


def _ids(body: Any) -> list[str]:
    """The ids in the order asked for, each once. Raises InvalidRequest naming each bad one by its place."""
    if not isinstance(body, list) or not 1 <= len(body) <= MAX_BULK:
        raise InvalidRequest({"body": [f"Give a JSON list of 1 to {MAX_BULK} payout ids."]})
    bad = [
        place for place, given in enumerate(body)
        if not isinstance(given, str) or not re.fullmatch(PAYOUT_ID, given)
    ]  # fmt: skip
    if bad:
        raise InvalidRequest({str(place): ["This isn't a payout's id."] for place in bad[:20]})
    return list(dict.fromkeys(body))


def _visible(request: Request, ids: list[str]) -> Reading:
    read = shown.by_id(ids, sees(caller(request)))
    reading.note(caller(request), [one.payout for one in read.found])
    return read


def _represented(read: Reading) -> list[dict[str, Any]]:
    starts = forecast.starts([one.payout for one in read.found], read.at)
    return [_transaction(one, head=read.head, at=read.at, starts=starts) for one in read.found]


def _transaction(one: Shown, *, head: int, at: datetime, starts: Starts) -> dict[str, Any]:
    payout, attempt = one.payout, one.attempt
    return {
        "payout_id": payout.payout_id,
        "txid": attempt.txid if attempt else "",
        "status": _status(payout),
        "confirmations": confirmations(attempt, head),
        "required_confirmations": REQUIRED_CONFIRMATIONS,
        "block_number": attempt.block_number if attempt else None,
        "block_timestamp": attempt.block_timestamp if attempt else None,
        "energy_used": attempt.energy_used if attempt else None,
        "bandwidth_used": attempt.bandwidth_used if attempt else None,
        "fee_trx": to_decimal(attempt.fee) if attempt and attempt.fee is not None else None,
        "estimated_completion": estimates.completion(payout, attempt, at, starts, head),
    }


def _status(payout: Payout) -> str:
    """`failed` once no transaction of this payout can come any more."""
    public = payout.public_status
    return {"confirmed": "confirmed", "failed": "failed", "cancelled": "failed"}.get(public, "pending")
