"""What a node says to a broadcast, or to anything, and whether it did what it was asked all the same."""

from __future__ import annotations

from typing import Any

from tests.faults.row import Row

BROADCAST = "wallet/broadcasthex"
SENT_AGAIN = "the same bytes go out again until they are seen; paid once"


def broadcast(
    name: str, *, lasts: int = 60, expected: str = SENT_AGAIN, daily: bool = False, **fault: Any
) -> Row:
    """Every node answers every broadcast so, for `lasts` seconds of chain time."""
    return Row(
        name=name,
        expected=expected,
        disturb=lambda rig: rig.fault(
            fault["kind"], BROADCAST, **{k: v for k, v in fault.items() if k != "kind"}
        ),
        lasts=lasts,
        daily=daily,
    )


ROWS = [
    broadcast("accepts and cuts the connection", kind="cut", processed=True, daily=True),
    broadcast("accepts and answers 502", kind="status", status=502, processed=True),
    broadcast("SERVER_BUSY", kind="code", code="SERVER_BUSY"),
]
