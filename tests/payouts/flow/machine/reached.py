"""How much the examples must have seen. A machine that sees none of it would find nothing, and look fine."""

from __future__ import annotations

from collections.abc import Mapping

# Each payout state but those that come with approvals, each attempt state, and each reason to wait that there is yet.
STATES = frozenset(
    {
        *(f"payout {name}" for name in ("scheduled", "released", "sent", "confirmed", "cancelled", "manual")),
        *(f"attempt {name}" for name in ("prepared", "withdrawn", "signed", "sent", "included")),
        *(f"attempt {name}" for name in ("succeeded", "reverted", "dead")),
        *(f"hold {name}" for name in ("slot", "hourly_limit", "recipient_limit", "in_flight", "breaker")),
        *(f"hold {name}" for name in ("kill_switch", "token_paused", "signer", "nodes", "retry", "paused")),
        *(f"hold {name}" for name in ("possible_duplicate", "manual", "clock", "screening")),
        *(f"breaker {name}" for name in ("closed", "open")),
        *(f"orphan {name}" for name in ("open", "paid")),
        *(
            "cancelled",
            "not cancellable",
            "reorganised",
            "restored",
            "theft",
            "slot paused",
            "slot cancelled",
        ),
        *(f"power cut in {name}" for name in ("sign", "send")),
    }
)
# What chance needs more examples for.
RARE = frozenset(
    {
        "payout failed",
        "breaker half_open",
        "orphan harmless",
        *(f"hold {name}" for name in ("daily_limit", "creator_limit", "treasury_usdt", "treasury_trx")),
        *(f"power cut in {name}" for name in ("release", "watch")),
    }
)


def missed(reached: Mapping[str, int], wanted: frozenset[str], times: int = 1) -> list[str]:
    """What was reached less often than that."""
    return sorted(f"{name}: {reached.get(name, 0)}" for name in wanted if reached.get(name, 0) < times)
