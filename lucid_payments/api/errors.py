"""Every error a caller can see: one class per code of the contract.

The business code raises these; the API turns them into the one error shape. `retryable` says whether sending
the same request again can help.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Final


class LucidError(Exception):
    """Base of all: `details` by field or name; `retry_after` in seconds, or None."""

    code: str = "LUCID_ERR_1005"
    status: int = 500
    message: str = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(self, details: Mapping[str, Any] | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(self.message)
        self.details: dict[str, Any] = dict(details or {})
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.code} {self.message} {self.details or ''}".rstrip()


class MissingToken(LucidError):
    code = "LUCID_ERR_1001"
    status = 401
    message = "Missing or invalid JWT token"


class InvalidRequest(LucidError):
    """`details` maps each bad field to a list of sentences."""

    code = "LUCID_ERR_1002"
    status = 400
    message = "Invalid request"


class IdempotencyConflict(LucidError):
    code = "LUCID_ERR_1003"
    status = 409
    message = "Idempotency key reused with another body"


class RequestInFlight(IdempotencyConflict):
    """The first request with this key has no answer yet."""

    retryable = True


# RFC 9110's name, which Python has from 3.13 on: no message of ours changes with the Python below.
_PHRASES: Final = {413: "Content Too Large"}


class HttpError(LucidError):
    """What HTTP itself names: unknown path (404), 405, 406, 413, 415."""

    code = "LUCID_ERR_1004"

    def __init__(self, status: int, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(details)
        self.status = status
        self.message = _PHRASES.get(status) or HTTPStatus(status).phrase


class InternalError(LucidError):
    code = "LUCID_ERR_1005"
    status = 500
    message = "Internal error"


class Unavailable(LucidError):
    """A part the request needs (the database, the cache behind the limits) is away."""

    code = "LUCID_ERR_1005"
    status = 503
    message = "Internal error"
    retryable = True

    def __init__(self, details: Mapping[str, Any] | None = None, *, retry_after: int = 5) -> None:
        super().__init__(details, retry_after=retry_after)


class InvalidAddress(LucidError):
    code = "LUCID_ERR_2001"
    status = 400
    message = "Invalid TRON address format"


class AmountTooHigh(LucidError):
    """`details`: `limit_name`, `limit`, `amount`."""

    code = "LUCID_ERR_2002"
    status = 400
    message = "Amount exceeds daily limit"


class BreakerOpen(LucidError):
    code = "LUCID_ERR_2003"
    status = 400
    message = "Circuit breaker open"
    retryable = True


class InvalidRouter(LucidError):
    """`details.condition`: `kyc`, `hash`, `attestation`, `node`, `reputation` or `wallet`."""

    code = "LUCID_ERR_2004"
    status = 400
    message = "Invalid router type"


class PayoutNotFound(LucidError):
    code = "LUCID_ERR_2005"
    status = 404
    message = "Payout not found"


class BatchRefused(InvalidRequest):
    """`details.payouts` names each bad item by its index: its code, message and details."""

    def __init__(self, refused: Mapping[int, LucidError]) -> None:
        items = {
            str(index): {"code": error.code, "message": error.message, "details": error.details}
            for index, error in refused.items()
        }
        super().__init__(
            {"payouts": items}, retry_after=max(e.retry_after or 0 for e in refused.values()) or None
        )
        # The items' own error where it is one and the same, else simply an invalid request.
        kinds = {(error.code, error.status, error.message) for error in refused.values()}
        alike = kinds.pop() if len(kinds) == 1 else None
        shown = alike or (InvalidRequest.code, InvalidRequest.status, InvalidRequest.message)
        self.code, self.status, self.message = shown


class RateLimited(LucidError):
    """`details`: `limit`, `window`, `retry_after` (seconds)."""

    code = "LUCID_ERR_2009"
    status = 429
    message = "Rate limit exceeded"
    retryable = True


class PermissionRefused(LucidError):
    code = "LUCID_ERR_2010"
    status = 403
    message = "Insufficient permissions"


class NotCancellable(LucidError):
    code = "LUCID_ERR_2011"
    status = 409
    message = "Payout can't be cancelled"


class RecipientNotAccepted(LucidError):
    """Never says why."""

    code = "LUCID_ERR_2012"
    status = 403
    message = "Recipient not accepted"


class ReferenceUsed(LucidError):
    """`details.payout_id` is the first one's."""

    code = "LUCID_ERR_2013"
    status = 409
    message = "Reference already used"


class SessionPaid(ReferenceUsed):
    """A live payout names the session and the recipient; `details.payout_id` is its id where it is the caller's."""


class EventConflict(ReferenceUsed):
    """`details` names each event by its place in the list, from 0 on."""


class ApplicationClosed(LucidError):
    """`details`: `application_id` and its `status`, where it is known which one is in the way."""

    code = "LUCID_ERR_2015"
    status = 409
    message = "Application can't be changed now"


# Codes that appear in a payout's `failure` and never as the answer to a request, with their messages.
NETWORK_ERROR: Final = "LUCID_ERR_2006"
INSUFFICIENT_BALANCE: Final = "LUCID_ERR_2007"
TRANSACTION_FAILED: Final = "LUCID_ERR_2008"
REJECTED: Final = "LUCID_ERR_2014"
FAILURE_MESSAGES: Final = {
    NETWORK_ERROR: "TRON network error",
    INSUFFICIENT_BALANCE: "Insufficient balance",
    TRANSACTION_FAILED: "Transaction failed",
    REJECTED: "Rejected by an approver",
}
