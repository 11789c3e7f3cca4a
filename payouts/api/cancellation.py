"""`POST /payouts/{payout_id}/cancel`: calling off what isn't signed."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from lucid_payments.accounts import roles
from lucid_payments.accounts.roles import Role
from lucid_payments.api import idempotency
from lucid_payments.api.errors import PayoutNotFound, PermissionRefused
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.views import LucidView, caller
from payouts.api import schema, shown
from payouts.api.access import visible_to
from payouts.api.representation import represent
from payouts.api.serializers import PAYOUT_ID, CancellationSerializer
from payouts.manager import PayoutManager
from payouts.models import Payout

WITHOUT_A_REASON = "called off by its creator"


class CancelView(LucidView):
    """Its creator cancels a payout, or an administrator; who merely may read it may not."""

    permissions = {"POST": roles.CREATE}
    rate_limits = {"POST": 10}

    @schema.cancel_payout
    def post(self, request: Request, payout_id: str) -> HttpResponse:
        return idempotency.run_once(
            request._request, caller(request), lambda: self._cancel(request, payout_id)
        )

    def _cancel(self, request: Request, payout_id: str) -> Answer:
        asked = CancellationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        payout = self._payout(request, payout_id)
        reason = asked.validated_data.get("reason") or WITHOUT_A_REASON
        PayoutManager.cancel(payout, actor=caller(request), reason=reason)
        read = shown.by_key([payout.pk])
        return Answer(200, represent(read.found[0], head=read.head, at=read.at), payout.payout_id)

    def _payout(self, request: Request, payout_id: str) -> Payout:
        user = caller(request)
        known: Any = re.fullmatch(PAYOUT_ID, payout_id)
        payout = visible_to(user).filter(payout_id=payout_id).first() if known else None
        if payout is None:
            raise PayoutNotFound
        if payout.creator_id != user.pk and user.role != Role.ADMIN:
            raise PermissionRefused({"payout_id": ["Only its creator or an administrator cancels a payout."]})
        return payout
