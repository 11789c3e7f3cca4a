"""What the API's description says of Blockchain Core's events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer

from lucid_payments.api import body_signatures, errors
from lucid_payments.api.openapi.operations import operation
from payouts.api.work_facts import (
    DeregistrationSerializer,
    FactSerializer,
    RegistrationSerializer,
    ReputationSerializer,
    SessionSerializer,
    TakenSerializer,
)

WORK: Final = "Work"
_ONCE: Final = (
    "One event, or a list of up to 1,000, taken whole or not at all. The same event sent again counts once. Late ones "
    "and those out of order are taken; a mistake is corrected by a new event that names the old one in `corrects`."
)
_SIGNATURE: Final = OpenApiParameter(
    body_signatures.HEADER,
    {
        "type": "string",
        "maxLength": body_signatures.MOST_CHARACTERS,
        "pattern": r"^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+$",
    },
    OpenApiParameter.HEADER,
    description=(
        "A compact JWS over the body's very bytes, its payload left out, by the Ed25519 key in the client's record; "
        "needed where the client was set to sign."
    ),
)
_ID: Final = {"event_id": "core-evt-000001", "occurred_at": "2026-01-31T12:00:05Z"}
_SESSION: Final = {
    **_ID,
    "session_id": "session-20260131-0001",
    "node_id": "node-eu-0001",
    "started_at": "2026-01-31T11:00:00Z",
    "ended_at": "2026-01-31T12:00:00Z",
    "sessions_relayed": 12,
    "megabytes_relayed": "730.25",
}


def _told(
    operation_id: str, summary: str, form: type[FactSerializer], example: dict[str, Any], description: str
) -> Callable[..., Any]:
    corrected = {**example, "event_id": "core-evt-000002", "corrects": example["event_id"]}
    return operation(
        operation_id,
        summary,
        tag=WORK,
        description=f"{description} {_ONCE}",
        body=PolymorphicProxySerializer(
            component_name=f"{form.__name__.removesuffix('Serializer')}OrList",
            serializers=[form, form(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        parameters=(_SIGNATURE,),
        bodies={"One": example, "Several, with a correction": [example, corrected]},
        answer=TakenSerializer,
        example={"accepted": 1, "repeated": 0},
        refused=(errors.EventConflict,),
    )


session_completed = _told(
    "reportSessions",
    "Report sessions that ended",
    SessionSerializer,
    _SESSION,
    "What was relayed in a session, for a node, a user, or both.",
)
node_reputation = _told(
    "reportReputations",
    "Report nodes' reputations",
    ReputationSerializer,
    {**_ID, "node_id": "node-eu-0001", "score": "0.875"},
    "From 0 to 1; a node needs 0.5 to be paid by PayoutRouterKYC. The latest by `occurred_at` counts.",
)
node_registered = _told(
    "reportRegistrations",
    "Report nodes that are there",
    RegistrationSerializer,
    {
        **_ID,
        "node_id": "node-eu-0001",
        "operator_id": "operator-0001",
        "wallet_address": "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9",
    },
    "The wallet is noted, and paid only once its owner has proven it. A node of an operator that isn't known here "
    "waits until the operator is; one that is another operator's here isn't active until people have looked at it.",
)
node_deregistered = _told(
    "reportDeregistrations",
    "Report nodes that are gone",
    DeregistrationSerializer,
    {**_ID, "node_id": "node-eu-0001"},
    "A node that is gone isn't paid by PayoutRouterKYC.",
)
