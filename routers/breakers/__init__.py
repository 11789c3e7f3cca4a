"""The error breaker of each router: it opens on failures, tries again with small payouts, and closes by itself."""

from routers.breakers.attempts import Ended, Probes, Source, register_source
from routers.breakers.by_hand import close_by_hand, half_open_by_hand, open_by_hand
from routers.breakers.rules import PROBE_AMOUNT, PROBES
from routers.breakers.states import all_breakers, attempts_ended, sweep, trip

__all__ = [
    "PROBES",
    "PROBE_AMOUNT",
    "Ended",
    "Probes",
    "Source",
    "all_breakers",
    "attempts_ended",
    "close_by_hand",
    "half_open_by_hand",
    "open_by_hand",
    "register_source",
    "sweep",
    "trip",
]
