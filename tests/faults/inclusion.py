"""Whether, when and with what result a block takes the transactions."""

from __future__ import annotations

from tests.faults.node_answers import BROADCAST
from tests.faults.row import Row

ROWS = [
    Row(
        name="accepted and never included",
        expected="dead by the rule after its expiration, paid by the next attempt",
        disturb=lambda rig: rig.fault("hold", BROADCAST),
        lasts=240,
        daily=True,
    ),
]
