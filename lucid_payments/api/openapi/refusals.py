"""Every error a request can be answered with, as the description shows it: its schema, its example, when it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lucid_payments.api import errors
from lucid_payments.api.errors import LucidError

EXAMPLE_ID: Final = "req_5f2b1c9a7d3e4f60818293a4b5c6d7e8"
EXAMPLE_TIME: Final = "2026-01-31T12:00:00.123456Z"
APPLICATION: Final = "kyc_4f6a1b0c9d8e47f3a2b1c0d9e8f7a6b5"
PAYOUT: Final = "payout_8Zq3fT1kLw9XbNc2RmYs4A"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to be refused. `name` is the error's class, or for what HTTP itself names its phrase."""

    name: str
    error: LucidError
    when: str

    @property
    def status(self) -> str:
        return str(self.error.status)


def _http(status: int, when: str, details: Mapping[str, Any] | None = None) -> Refusal:
    error = errors.HttpError(status, details)
    return Refusal(error.message.replace(" ", ""), error, when)


def _lucid(error: LucidError, when: str) -> Refusal:
    return Refusal(type(error).__name__, error, when)


_KEY: Final = "Idempotency-Key"
UNKNOWN_PATH: Final = _http(404, "Nothing is at this address, or it isn't yours.")
WRONG_METHOD: Final = _http(
    405, "The address doesn't take this method; `Allow` names those it takes.",
    {"request": ['Method "PUT" not allowed.']},
)  # fmt: skip
NOT_ACCEPTABLE: Final = _http(
    406, "`Accept` asks for something else than JSON.",
    {"request": ["Could not satisfy the request Accept header."]},
)  # fmt: skip
TOO_LARGE: Final = _http(
    413,
    "The body is larger than 1,000,000 bytes, or a document than is taken.",
    {"body": ["At most 1000000 bytes are taken."]},
)
NOT_JSON: Final = _http(
    415, "The body isn't sent as `application/json` in UTF-8, or a document not as `multipart/form-data`.",
    {"request": ['Unsupported media type "text/plain" in request.']},
)  # fmt: skip

# In the order of contract.md, "Errors".
CATALOGUE: Final[tuple[Refusal, ...]] = (
    _lucid(
        errors.MissingToken(), "No token, or one that isn't good (any more); for `/auth`, wrong credentials."
    ),
    _lucid(
        errors.InvalidRequest({"amount_usdt": ["The amount must be from 0.01 to 10000 USDT."]}),
        "Something in the request can't be; `details` has the sentences by field.",
    ),
    _lucid(
        errors.IdempotencyConflict({"first_id": PAYOUT}),
        "The key was used before, with another body or more than 30 days ago; `first_id` is what it made then.",
    ),
    _lucid(
        errors.RequestInFlight({_KEY: ["The first request with this key has no answer yet."]}, retry_after=1),
        "The first request with this key still runs: ask again.",
    ),
    UNKNOWN_PATH,
    WRONG_METHOD,
    NOT_ACCEPTABLE,
    TOO_LARGE,
    NOT_JSON,
    _lucid(errors.InternalError(), "Our fault. Whether it was done is unknown: repeat it with the same key."),
    _lucid(
        errors.Unavailable(), "The database or the cache is away: come again after `Retry-After` seconds."
    ),
    _lucid(
        errors.InvalidAddress({"recipient_address": ["This isn't a TRON address: its check sum is wrong."]}),
        "Not a base58check address of TRON, or one that must not be paid: the USDT contract, our treasury.",
    ),
    _lucid(
        errors.AmountTooHigh({"limit_name": "payout_maximum", "limit": "200.00", "amount": "250.00"}),
        "Above what a limit could ever release; with `on_limit: refuse`, above what it can release today.",
    ),
    _lucid(
        errors.BreakerOpen({"scope": "global", "reason": "error_rate"}, retry_after=600),
        "A circuit breaker or a kill switch stops payouts; a full window doesn't.",
    ),
    _lucid(
        errors.InvalidRouter({"condition": "attestation"}),
        "PayoutRouterKYC was asked for and isn't allowed; `condition` says what is missing.",
    ),
    _lucid(errors.PayoutNotFound(), "There is no such payout or batch, or it isn't yours."),
    _lucid(
        errors.RateLimited({"limit": 10, "window": 60, "retry_after": 17}, retry_after=17),
        "Too many requests in this minute, or the caller is blocked for a while.",
    ),
    _lucid(
        errors.PermissionRefused(),
        "The caller's role, or the key's scopes, don't allow it; or the caller is blocked until somebody ends it.",
    ),
    _lucid(errors.NotCancellable(), "It is signed, or has ended: it can't be called off any more."),
    _lucid(errors.RecipientNotAccepted(), "This recipient isn't paid. Nobody says why."),
    _lucid(
        errors.ReferenceUsed({"reference_id": ["This reference was used before."], "payout_id": PAYOUT}),
        "The caller used this reference before, for the payout in `payout_id`.",
    ),
    _lucid(
        errors.SessionPaid(
            {"session_id": ["This session is paid to this recipient already."], "payout_id": PAYOUT}
        ),
        "A payout that hasn't ended without paying names this session and recipient; it is `payout_id` where it is the "
        "caller's.",
    ),
    _lucid(
        errors.EventConflict({"0": {"event_id": ["This event_id was used before and said something else."]}}),
        "An `event_id` was used before for another fact; the details name each by its place in the list.",
    ),
    _lucid(
        errors.ApplicationClosed({"application_id": APPLICATION, "status": "in_review"}),
        "It is being reviewed, or is decided; or another one of the caller's isn't decided yet.",
    ),
)
BY_ERROR: Final = {refusal.name: refusal for refusal in CATALOGUE}

ERROR_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The one shape of every answer of 400 and above.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id", "timestamp"],
            "properties": {
                "code": {"type": "string", "enum": sorted({refusal.error.code for refusal in CATALOGUE})},
                "message": {"type": "string", "description": "For people; the code is for programs."},
                "details": {
                    "type": "object",
                    "additionalProperties": True,
                    "description": "By field of the request, or by name; what each code holds stands with it.",
                },
                "request_id": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
                "timestamp": {"type": "string", "format": "date-time"},
            },
        }
    },
}
ERROR: Final = {"$ref": "#/components/schemas/Error"}


def body_of(refusal: Refusal) -> dict[str, Any]:
    """The refusal's example."""
    error = refusal.error
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "request_id": EXAMPLE_ID,
            "timestamp": EXAMPLE_TIME,
        }
    }


@dataclass(slots=True)
class Refusals:
    """The refusals of one operation, by status."""

    by_status: dict[str, list[Refusal]] = field(default_factory=dict)

    def add(self, refusals: Iterable[Refusal | type[LucidError]]) -> None:
        for given in refusals:
            refusal = given if isinstance(given, Refusal) else BY_ERROR[given.__name__]
            known = self.by_status.setdefault(refusal.status, [])
            if refusal not in known:
                known.append(refusal)

    def responses(self) -> dict[str, Any]:
        """OpenAPI's `responses`: a reference where all operations answer this status alike."""
        return {
            status: {"$ref": f"#/components/responses/{found[0].name}"}
            if len(found) == 1
            else response(found)
            for status, found in self.by_status.items()
        }


def response(refusals: list[Refusal]) -> dict[str, Any]:
    """One status's answer: a sentence and an example for each error it may be."""
    described = [f"`{refusal.error.code}` {refusal.error.message}: {refusal.when}" for refusal in refusals]
    return {
        "description": "\n\n".join(described),
        "headers": _headers(refusals),
        "content": {
            "application/json": {
                "schema": ERROR,
                "examples": {
                    refusal.name: {"$ref": f"#/components/examples/{refusal.name}"} for refusal in refusals
                },
            }
        },
    }


def _headers(refusals: list[Refusal]) -> dict[str, Any]:
    names = ["X-Request-ID"]
    status = refusals[0].error.status
    if status == 401:
        names.append("WWW-Authenticate")
    if status == 429:
        names += [
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-RateLimit-Retry-After",
        ]
    if any(refusal.error.retry_after is not None for refusal in refusals):
        names.append("Retry-After" if all(r.error.retry_after for r in refusals) else "Retry-After-Optional")
    return {
        name.removesuffix("-Optional"): {"$ref": f"#/components/headers/{name.replace('-', '')}"}
        for name in names
    }
