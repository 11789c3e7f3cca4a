"""The whole description: what drf-spectacular gathers from the views, and what stands once for all of them."""

from __future__ import annotations

import functools
from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

# Imported for what they teach drf-spectacular.
from lucid_payments.api.openapi import fields  # noqa: F401
from lucid_payments.api.openapi.headers import REQUEST_HEADERS, RESPONSE_HEADERS
from lucid_payments.api.openapi.refusals import CATALOGUE, ERROR_SCHEMA, UNKNOWN_PATH, body_of, response

DESCRIPTION: Final = """\
Ask for payouts in USDT on TRON and hear what becomes of them. Nobody is ever paid twice.

**Who calls.** A bearer token from `POST /auth/token` or, for machines, `POST /auth/key`. What isn't the caller's
doesn't exist: it is answered 404.

**Repeating is safe** with an `Idempotency-Key`: the same key and body get the first answer again. A `reference_id` is
yours, once, for ever. When an answer doesn't come, send the same request with the same key again.

**Amounts** are JSON numbers or decimal text with at most 6 decimals; read ours as decimals, never as floats. Times are
UTC, ISO 8601, with `Z`. Fields may be added to answers, never renamed; unknown fields in requests are refused by name.

**Errors** of 400 and above have one shape, `Error`. Programs go by `code`, people by `message` and `details`; give
`request_id` when you ask us about one.
"""
TAGS: Final = [
    {"name": "Payouts", "description": "Ask, follow, call off."},
    {"name": "Batches", "description": "Many payouts, accepted as one."},
    {"name": "Limits and figures", "description": "What may be asked for, and what became of it."},
    {"name": "Verification", "description": "Node operators: apply, add documents, answer, follow."},
    {"name": "Events and webhooks", "description": "What happened, for who polls and for who is told."},
    {"name": "Work", "description": "What Blockchain Core tells of nodes and their work."},
    {"name": "Distributions", "description": "What a month owed and paid, with proof."},
    {"name": "Wallets", "description": "Where you are paid, proven by a signed message."},
    {"name": "Tokens", "description": "A password or a key for tokens, and the keys that verify them."},
    {"name": "Health", "description": "For gateways, orchestrators and dashboards."},
    {"name": "This description", "description": "For programs and for people."},
]
METRICS_PATH: Final = {
    "get": {
        "operationId": "getMetrics",
        "summary": "Figures for Prometheus",
        "description": "From inside only: to everybody else, and through the gateway, there is no such page.",
        "tags": ["Health"],
        "parameters": [{"$ref": "#/components/parameters/XRequestID"}],
        "responses": {
            "200": {
                "description": "Prometheus's text form.",
                "headers": {"X-Request-ID": {"$ref": "#/components/headers/XRequestID"}},
                "content": {
                    "text/plain": {
                        "schema": {"type": "string"},
                        "example": "tron_pending_payouts_count 3.0\n",
                    }
                },
            },
            "400": {"$ref": "#/components/responses/InvalidRequest"},
            "404": {"$ref": f"#/components/responses/{UNKNOWN_PATH.name}"},
            "500": {"$ref": "#/components/responses/InternalError"},
            "503": {"$ref": "#/components/responses/Unavailable"},
        },
    }
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "lucid_payments.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "`access` of `POST /auth/token` or `POST /auth/key`; good for 15 minutes.",
        }


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's last step: the shared parts, and the one address that is no REST framework view."""
    parts = result["components"]
    parts["schemas"]["Error"] = ERROR_SCHEMA
    parts["schemas"] = dict(sorted(parts["schemas"].items()))
    parts["parameters"] = REQUEST_HEADERS
    parts["headers"] = RESPONSE_HEADERS
    parts["examples"] = {
        refusal.name: {"summary": refusal.error.message, "value": body_of(refusal)} for refusal in CATALOGUE
    }
    parts["responses"] = {refusal.name: response([refusal]) for refusal in CATALOGUE}
    result["paths"][f"/{settings.API_PREFIX}metrics"] = METRICS_PATH
    _forget_enum_ids(result)
    head = {
        "openapi": result["openapi"],
        "info": {**result["info"], "description": DESCRIPTION},
        "tags": TAGS,
    }
    return {**head, **result, **head}


def _forget_enum_ids(node: Any) -> None:
    """drf-spectacular's notes for a step of its own that isn't taken here: enums stay where they are used."""
    if isinstance(node, dict):
        node.pop("x-spec-enum-id", None)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _forget_enum_ids(child)


@functools.cache
def document() -> dict[str, Any]:
    """The description of this code, made once a process."""
    made: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return made
