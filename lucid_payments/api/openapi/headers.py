"""The headers that every request may carry and every answer may have."""

from __future__ import annotations

from typing import Any, Final

from lucid_payments.api import idempotency, request_id

REQUEST_HEADERS: Final[dict[str, Any]] = {
    "XRequestID": {
        "name": request_id.HEADER,
        "in": "header",
        "description": "Your name for this request, 1 to 64 of `A-Za-z0-9._-`; else it is given one.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": idempotency.HEADER,
        "in": "header",
        "description": (
            "The same key and body within 30 days get the first answer again and do nothing. Send one with everything "
            "you might have to repeat."
        ),
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
        },
    },
}


def _header(description: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": schema}


_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_SECONDS: Final[dict[str, Any]] = {"type": "integer", "minimum": 1}
RESPONSE_HEADERS: Final[dict[str, Any]] = {
    "XRequestID": _header("The request's name, as in our logs.", {"type": "string"}, required=True),
    "XRateLimitLimit": _header("How many of these requests a minute takes.", _COUNT),
    "XRateLimitRemaining": _header("How many are left.", _COUNT),
    "XRateLimitReset": _header("When it is whole again, in epoch seconds.", _COUNT),
    "XRateLimitRetryAfter": _header("The same as Retry-After.", _SECONDS, required=True),
    "RetryAfter": _header("Seconds to wait before the next try.", _SECONDS, required=True),
    "RetryAfterOptional": _header("Seconds to wait before the next try, where that can help.", _SECONDS),
    "WWWAuthenticate": _header("`Bearer`", {"type": "string", "enum": ["Bearer"]}, required=True),
    "IdempotentReplayed": _header(
        "`true` where this is the answer of an earlier request with the same key.",
        {"type": "string", "enum": ["true"]},
    ),
}


def refer(*names: str) -> dict[str, Any]:
    """An answer's headers, by reference."""
    return {name: {"$ref": f"#/components/headers/{name.replace('-', '')}"} for name in names}


RATE_LIMIT: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
