"""What a run of payouts came to, from the system's own books and the devnet's."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.load.stack import Stack

DONE = ("confirmed", "failed", "cancelled", "rejected")
# Which calls answer which question; the rest of the constant calls read the treasury and the token.
REASONS = {
    "wallet/broadcasthex": "broadcast",
    "wallet/getblockbynum": "head scan",
    "walletsolidity/getblockbynum": "solid scan",
    "walletsolidity/gettransactioninfobyblocknum": "verdicts",
    "walletsolidity/gettransactioninfobyid": "verdicts by id",
    "walletsolidity/gettransactionbyid": "verdicts by id",
    "wallet/getblock": "heads",
    "walletsolidity/getblock": "heads",
    "wallet/getnowblock": "heads",
    "walletsolidity/getnowblock": "heads",
    "wallet/getaccount": "treasury",
    "wallet/getaccountresource": "treasury",
    "wallet/getchainparameters": "treasury",
}

TIMES = """
SELECT extract(epoch FROM max(p.ended_at) - min(p.created_at)),
       extract(epoch FROM max(a.first_sent_at) - min(p.created_at)),
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY a.first_sent_at - p.created_at)),
       extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY a.first_sent_at - p.created_at)),
       extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY p.ended_at - p.created_at)),
       extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY p.ended_at - p.created_at)),
       extract(epoch FROM max(p.created_at) - min(p.created_at))
FROM payouts_payout p JOIN payouts_attempt a ON a.payout_id = p.id AND a.number = 1
WHERE p.payout_id = ANY(%s)
"""


@dataclass(frozen=True)
class Run:
    """Seconds and counts of one run. `calls` by reason; `duplicates` and `stuck` should be 0."""

    payouts: int
    whole: float
    accepting: float
    sending: float
    broadcast_p50: float
    broadcast_p95: float
    confirmed_p50: float
    confirmed_p95: float
    calls: dict[str, int]
    duplicates: int
    stuck: int

    @property
    def calls_each(self) -> float:
        return sum(self.calls.values()) / self.payouts

    def lines(self) -> list[str]:
        """The figures for people."""
        reasons = ", ".join(
            f"{name} {count / self.payouts:.2f}" for name, count in sorted(self.calls.items())
        )
        return [
            f"{self.payouts} payouts: {self.payouts / self.whole:.1f} a second from the first accepted to the last"
            f" confirmed ({self.whole:.0f} s, of which the last 19 blocks {self.whole - self.sending:.0f} s);"
            f" accepted {self.payouts / max(self.accepting, 0.001):.0f} a second,"
            f" sent {self.payouts / self.sending:.1f} a second",
            f"  accepted to broadcast p50 {self.broadcast_p50:.1f} s, p95 {self.broadcast_p95:.1f} s;"
            f" to confirmed p50 {self.confirmed_p50:.1f} s, p95 {self.confirmed_p95:.1f} s",
            f"  node calls a payout {self.calls_each:.2f} ({reasons});"
            f" duplicates {self.duplicates}; stuck {self.stuck}",
        ]


def wait_for(stack: Stack, payout_ids: list[str], limit_seconds: float) -> None:
    """Until all have ended, or the time is over."""
    deadline = time.monotonic() + limit_seconds
    sql = "SELECT count(*) FROM payouts_payout WHERE payout_id = ANY(%s) AND NOT status = ANY(%s)"
    while time.monotonic() < deadline and stack.query(sql, payout_ids, list(DONE))[0][0]:
        time.sleep(1)


def measure(stack: Stack, payout_ids: list[str]) -> Run:
    """The figures of these payouts; `stack.devnet`'s counters must have been reset before them."""
    times = [float(value) for value in stack.query(TIMES, payout_ids)[0]]
    whole, sending, broadcast_p50, broadcast_p95, confirmed_p50, confirmed_p95, accepting = times
    sql = "SELECT recipient_address, amount, status FROM payouts_payout WHERE payout_id = ANY(%s)"
    rows = stack.query(sql, payout_ids)
    received: dict[str, int] = {}
    for transfer in stack.devnet.transfers(payer=stack.facts["treasury_address"]):
        received[transfer["to"]] = received.get(transfer["to"], 0) + transfer["amount"]
    duplicates = sum(received.get(to, 0) > amount for to, amount, _ in rows)
    stuck = sum(status != "confirmed" or received.get(to, 0) != amount for to, amount, status in rows)
    return Run(
        payouts=len(payout_ids),
        whole=whole,
        accepting=accepting,
        sending=sending,
        broadcast_p50=broadcast_p50,
        broadcast_p95=broadcast_p95,
        confirmed_p50=confirmed_p50,
        confirmed_p95=confirmed_p95,
        calls=by_reason(stack.devnet.calls(), len(payout_ids)),
        duplicates=duplicates,
        stuck=stuck,
    )


def by_reason(calls: dict[str, int], payouts: int) -> dict[str, int]:
    """The devnet's counters by what was asked for; a simulation and a blacklist question belong to each payout."""
    counted: dict[str, int] = {}
    for endpoint, count in calls.items():
        if endpoint == "wallet/triggerconstantcontract":
            counted["blacklist"] = counted["simulation"] = min(payouts, count // 2)
            counted["treasury"] = counted.get("treasury", 0) + count - 2 * min(payouts, count // 2)
        elif not endpoint.startswith("_devnet"):
            reason = REASONS.get(endpoint, endpoint)
            counted[reason] = counted.get(reason, 0) + count
    return counted
