"""One made-up payout in its states, one batch, and what is asked and answered about them."""

from __future__ import annotations

from typing import Any, Final

PAYOUT_ID: Final = "payout_8Zq3fT1kLw9XbNc2RmYs4A"
OTHER_PAYOUT_ID: Final = "payout_Kd07pVx5GhQe2tUaWz6JnB"
BATCH_ID: Final = "batch_Xr4mD8sYc1FbLq0ZkTg7Vh"
TXID: Final = "7c2d4206c03a883dd9066d920c0b3c4f3a1d5d1bd8d0bdbf1e3e1a1fe9e9b7e4"
RECIPIENT: Final = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"

ORDER: Final[dict[str, Any]] = {
    "recipient_address": RECIPIENT,
    "amount_usdt": "5.50",
    "reason": "relay work in January",
}
FULL_ORDER: Final[dict[str, Any]] = {
    **ORDER,
    "router_type": "PayoutRouterKYC",
    "priority": "HIGH",
    "batch_type": "DAILY",
    "session_id": "session-20260131-0001",
    "node_id": "node-berlin-7",
    "reference_id": "invoice-2026-0131",
    "custom_data": {"cost_centre": "relays"},
    "on_limit": "refuse",
}
PAYOUT: Final[dict[str, Any]] = {
    "payout_id": PAYOUT_ID,
    "status": "pending",
    "recipient_address": RECIPIENT,
    "amount_usdt": 5.50,
    "reason": "relay work in January",
    "router_type": "PayoutRouterV0",
    "priority": "NORMAL",
    "batch_type": "IMMEDIATE",
    "session_id": None,
    "node_id": None,
    "batch_id": None,
    "reference_id": "invoice-2026-0131",
    "retry_of": None,
    "custom_data": None,
    "txid": None,
    "confirmations": 0,
    "block_number": None,
    "block_timestamp": None,
    "fee_trx": None,
    "hold_reason": None,
    "failure": None,
    "estimated_completion": "2026-01-31T12:01:57Z",
    "created_at": "2026-01-31T12:00:00Z",
    "confirmed_at": None,
    "request_id": "req_5f2b1c9a7d3e4f60818293a4b5c6d7e8",
}
_ON_CHAIN: Final[dict[str, Any]] = {
    "txid": TXID,
    "confirmations": 19,
    "block_number": 61_234_567,
    "block_timestamp": "2026-01-31T12:00:21Z",
    "fee_trx": 13.8446,
    "estimated_completion": None,
}
CONFIRMED: Final = {**PAYOUT, **_ON_CHAIN, "status": "confirmed", "confirmed_at": "2026-01-31T12:01:21Z"}
CANCELLED: Final = {
    **PAYOUT,
    "status": "cancelled",
    "estimated_completion": None,
    "failure": {"code": "CANCELLED", "message": "Cancelled: ordered twice"},
}
HELD: Final = {**PAYOUT, "hold_reason": "daily_limit", "estimated_completion": "2026-02-01T00:01:57Z"}
FAILED: Final = {
    **PAYOUT,
    **_ON_CHAIN,
    "status": "failed",
    "fee_trx": 27.69,
    "failure": {"code": "LUCID_ERR_2008", "message": "Transaction failed"},
}
REJECTED: Final = {
    **PAYOUT,
    "status": "cancelled",
    "estimated_completion": None,
    "failure": {"code": "LUCID_ERR_2014", "message": "Rejected by an approver"},
}
LIST: Final[dict[str, Any]] = {
    "payouts": [CONFIRMED],
    "pagination": {
        "total": 1,
        "limit": 20,
        "offset": 0,
        "has_next": False,
        "has_previous": False,
        "next_cursor": None,
    },
    "filters": {
        "status": "confirmed",
        "router_type": None,
        "batch_id": None,
        "reference_id": None,
        "start_date": "2026-01-31T00:00:00Z",
        "end_date": None,
    },
}
TRANSACTION: Final[dict[str, Any]] = {
    "payout_id": PAYOUT_ID,
    **_ON_CHAIN,
    "status": "confirmed",
    "required_confirmations": 19,
    "energy_used": 130_285,
    "bandwidth_used": 345,
}

BATCH_ORDER: Final[dict[str, Any]] = {
    "payouts": [{**ORDER, "reference_id": "invoice-1"}, {**ORDER, "amount_usdt": 7.25}],
    "batch_type": "HOURLY",
}
BATCH: Final[dict[str, Any]] = {
    "batch_id": BATCH_ID,
    "total_payouts": 2,
    "total_amount_usdt": 12.75,
    "status": "processing",
    "payout_ids": [PAYOUT_ID, OTHER_PAYOUT_ID],
    "estimated_completion": "2026-01-31T13:01:57Z",
    "created_at": "2026-01-31T12:00:00Z",
}
BATCH_STATUS: Final = {
    **BATCH,
    "completed_payouts": 1,
    "failed_payouts": 0,
    "pending_payouts": 1,
    "completed_amount_usdt": 5.50,
}

LIMITS: Final[dict[str, Any]] = {
    "routers": [
        {
            "router_type": "PayoutRouterV0",
            "minimum_usdt": None,
            "maximum_usdt": 200.00,
            "batch_types": ["IMMEDIATE", "HOURLY", "DAILY", "WEEKLY"],
            "windows": [
                {
                    "scope": "creator",
                    "period": "day",
                    "limit_usdt": 8000.00,
                    "remaining_usdt": 7994.50,
                    "resets_at": "2026-02-01T00:00:00Z",
                }
            ],
        }
    ],
    "generated_at": "2026-01-31T12:00:00Z",
}
STATS: Final[dict[str, Any]] = {
    "period": "day",
    "router_type": "all",
    "total_payouts": 2,
    "total_amount_usdt": 12.75,
    "success_rate": 100.00,
    "average_amount_usdt": 6.375,
    "payouts_by_router": {
        "PayoutRouterV0": {"count": 2, "amount_usdt": 12.75},
        "PayoutRouterKYC": {"count": 0, "amount_usdt": 0.00},
    },
    "circuit_breaker_status": None,
    "circuit_breaker_reason": None,
    "daily_limit_usage": None,
    "hourly_limit_usage": None,
    "generated_at": "2026-01-31T12:00:00Z",
}
