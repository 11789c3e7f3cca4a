"""What the API's description says of the endpoints of payouts: one `operation` for each method of a view."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from lucid_payments.api import errors, pagination
from lucid_payments.api.openapi.operations import link, operation
from payouts.api import answers, examples
from payouts.api.serializers import BatchSerializer, CancellationSerializer, PayoutOrderSerializer
from routers.choices import RouterType

PAYOUTS: Final = "Payouts"
BATCHES: Final = "Batches"
FIGURES: Final = "Limits and figures"


def _path(name: str, pattern: str) -> OpenApiParameter:
    schema = {"type": "string", "pattern": pattern}
    return OpenApiParameter(name, schema, OpenApiParameter.PATH, description="As it was given at creation.")


def _query(name: str, schema: dict[str, Any], description: str) -> OpenApiParameter:
    return OpenApiParameter(name, schema, description=description)


PAYOUT_ID: Final = _path("payout_id", answers.PAYOUT_PATTERN)
BATCH_ID: Final = _path("batch_id", answers.BATCH_PATTERN)
ROUTER: Final = {"type": "string", "enum": RouterType.values}


def _number(low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


_TEXT: Final = {"type": "string", "maxLength": 100}
_MOMENT: Final = {"type": "string"}

_ORDER_REFUSALS: Final = (
    errors.InvalidAddress,
    errors.AmountTooHigh,
    errors.BreakerOpen,
    errors.InvalidRouter,
    errors.RecipientNotAccepted,
    errors.ReferenceUsed,
    errors.SessionPaid,
)
_TO_PAYOUT: Final = {
    "getPayout": link("getPayout", "How it is.", payout_id="payout_id"),
    "getTransaction": link("getTransaction", "Its transaction.", payout_id="payout_id"),
    "cancelPayout": link("cancelPayout", "Call it off.", payout_id="payout_id"),
}

create_payout = operation(
    "createPayout",
    "Ask for a payout",
    tag=PAYOUTS,
    description=(
        "Accepted is not paid: the payout waits for its limits, approvals and slot, each named by `hold_reason`, and "
        "is then sent by itself. Send an `Idempotency-Key` or a `reference_id`, and repeating is safe."
    ),
    body=PayoutOrderSerializer,
    bodies={
        "The least": examples.ORDER,
        "All fields": examples.FULL_ORDER,
        "In place of a failed one": {**examples.ORDER, "retry_of": examples.OTHER_PAYOUT_ID},
    },
    status=201,
    answer=answers.PayoutShown,
    example=examples.PAYOUT,
    refused=_ORDER_REFUSALS,
    links=_TO_PAYOUT,
)
list_payouts = operation(
    "listPayouts",
    "List payouts, newest first",
    tag=PAYOUTS,
    description=(
        "What the caller may see. Go on with `cursor` = the last answer's `next_cursor`, which costs the same at any "
        "depth; `offset` is for people."
    ),
    parameters=[
        _query("status", {"type": "string", "enum": answers.STATUSES}, "Only these."),
        _query("router_type", ROUTER, "Only of this router."),
        _query("batch_id", _TEXT, "Only of this batch."),
        _query("reference_id", _TEXT, "Only the one with this reference."),
        _query("limit", _number(1, pagination.MAX_LIMIT, pagination.DEFAULT_LIMIT), "How many."),
        _query("offset", _number(0, pagination.MAX_OFFSET, 0), "How many to pass over."),
        _query("cursor", {"type": "string"}, "Go on after this one; not together with `offset`."),
        _query("start_date", _MOMENT, "Created then or later: a date, or a time in ISO 8601."),
        _query("end_date", _MOMENT, "Created before then."),
    ],
    answer=answers.PayoutsShown,
    example=examples.LIST,
    links={"getPayout": link("getPayout", "The newest of them.", payout_id="payouts/0/payout_id")},
)
get_payout = operation(
    "getPayout",
    "Read a payout",
    tag=PAYOUTS,
    description="What belongs to somebody else doesn't exist.",
    parameters=[PAYOUT_ID],
    answer=answers.PayoutShown,
    examples={
        "Confirmed": examples.CONFIRMED,
        "Waiting": examples.HELD,
        "Failed": examples.FAILED,
        "Rejected": examples.REJECTED,
    },
    refused=[errors.PayoutNotFound],
    links=_TO_PAYOUT,
)
get_transaction = operation(
    "getTransaction",
    "Read a payout's transaction",
    tag=PAYOUTS,
    description="`confirmed` at 19 blocks, by the word of two providers; before there is one, `txid` is empty.",
    parameters=[PAYOUT_ID],
    answer=answers.TransactionShown,
    example=examples.TRANSACTION,
    refused=[errors.PayoutNotFound],
)
get_transactions = operation(
    "getTransactions",
    "Read the transactions of up to 100 payouts",
    tag=PAYOUTS,
    description="In the order asked for, each once; unknown and foreign ids are left out.",
    body={
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        # Wider than an id needs to be: what can't be one is refused by its place in the list.
        "items": {"type": "string", "pattern": r"^payout_[a-zA-Z0-9]{1,33}$"},
    },
    bodies={"Two": [examples.PAYOUT_ID, examples.OTHER_PAYOUT_ID]},
    answer=answers.TransactionShown(many=True),
    example=[examples.TRANSACTION],
)
cancel_payout = operation(
    "cancelPayout",
    "Call a payout off",
    tag=PAYOUTS,
    description="Possible until it is signed. Its creator may, and an administrator.",
    parameters=[PAYOUT_ID],
    body=CancellationSerializer,
    bodies={"With a reason": {"reason": "ordered twice"}, "Without": {}},
    answer=answers.PayoutShown,
    example=examples.CANCELLED,
    refused=[errors.PayoutNotFound, errors.NotCancellable],
    links={"getPayout": link("getPayout", "How it is.", payout_id="payout_id")},
)

create_batch = operation(
    "createBatch",
    "Ask for up to 100 payouts at once",
    tag=BATCHES,
    description=(
        "Accepted whole or refused whole: `details.payouts` names each bad one by its index. Each payout then goes "
        "and ends by itself. Not for end users."
    ),
    body=BatchSerializer,
    bodies={"Two for the next full hour": examples.BATCH_ORDER},
    status=201,
    answer=answers.BatchAccepted,
    example=examples.BATCH,
    refused=_ORDER_REFUSALS,
    links={
        "getBatch": link("getBatch", "How far it is.", batch_id="batch_id"),
        "getPayout": link("getPayout", "Its first payout.", payout_id="payout_ids/0"),
        "cancelPayout": link("cancelPayout", "Call its first payout off.", payout_id="payout_ids/0"),
    },
)
get_batch = operation(
    "getBatch",
    "How far a batch is",
    tag=BATCHES,
    parameters=[BATCH_ID],
    answer=answers.BatchShown,
    example=examples.BATCH_STATUS,
    refused=[errors.PayoutNotFound],
    links={"getPayout": link("getPayout", "Its first payout.", payout_id="payout_ids/0")},
)

get_limits = operation(
    "getLimits",
    "What the caller may ask for now",
    tag=FIGURES,
    description="The most per payout, and cap and room of each window, for each router open to the caller.",
    answer=answers.LimitsShown,
    example=examples.LIMITS,
)
get_stats = operation(
    "getStats",
    "Counts, amounts and rates of a period",
    tag=FIGURES,
    description="Own figures; all of them, with breaker and limits, for administrators and auditors.",
    parameters=[
        _query(
            "period",
            {"type": "string", "enum": ["hour", "day", "week", "month"], "default": "day"},
            "Back from now.",
        ),
        _query(
            "router_type",
            {"type": "string", "enum": [*RouterType.values, "all"], "default": "all"},
            "Which router.",
        ),
    ],
    answer=answers.StatsShown,
    example=examples.STATS,
)
