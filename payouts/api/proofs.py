"""`GET /distributions/{period}/proof`: a recipient's proof of one month, as `verify.py` checks it."""

from __future__ import annotations

import re
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from kyc.models import Node
from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.errors import HttpError, InvalidRequest
from lucid_payments.api.views import LucidView, caller
from payouts.api import proofs_schema as schema
from payouts.distribution import proving
from payouts.models.distribution import RecipientKind
from payouts.models.proof import RunLeaf

_PERIOD: Final = re.compile(schema.PERIOD_PATTERN, re.ASCII)
LONGEST_NODE: Final = 50


class ProofView(LucidView):
    permissions = {"GET": roles.READ}
    rate_limits = {"GET": 30}

    @schema.get_proof
    def get(self, request: Request, period: str) -> Response:
        leaf = _leaf(caller(request), period, _node_of(request))
        if leaf is None:
            raise HttpError(404, {"period": ["There is no proof of this month for you."]})
        return Response(proving.proof_of(leaf))


def _node_of(request: Request) -> str | None:
    unknown = sorted(set(request.query_params) - {"node_id"})
    if unknown:
        raise InvalidRequest({name: ["There is no such parameter."] for name in unknown})
    node_id: str | None = request.query_params.get("node_id")
    if node_id is not None and (not 0 < len(node_id) <= LONGEST_NODE or "\0" in node_id):
        raise InvalidRequest({"node_id": [f"Give 1 to {LONGEST_NODE} characters."]})
    return node_id


def _leaf(user: User, period: str, node_id: str | None) -> RunLeaf | None:
    """The caller's own, or that of a node of theirs; administrators see every node's. Nothing else exists for them."""
    if not _PERIOD.fullmatch(period):
        return None
    kind, recipient = RecipientKind.USER, str(user.public_id)
    if node_id is not None:
        theirs = Node.objects.filter(node_id=node_id, operator__user=user)
        if user.role != Role.ADMIN and not theirs.exists():
            return None
        kind, recipient = RecipientKind.NODE, node_id
    found: dict[str, Any] = {
        "entitlement__run__period": period,
        "entitlement__kind": kind,
        "entitlement__recipient": recipient,
    }
    return RunLeaf.objects.select_related("root").filter(**found).first()
