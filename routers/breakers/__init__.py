"""The error breaker of each router: it opens on failures, tries again with small payouts, and closes by itself."""

from routers.breakers.acts import ask_close, ask_half_open, confirm_close, confirm_half_open, open_by_hand
from routers.breakers.attempts import Ended, Probes, Source, register_source
from routers.breakers.rules import PROBE_AMOUNT, PROBES
from routers.breakers.states import all_breakers, attempts_ended, sweep, trip

__all__ = [
    "PROBES",
    "PROBE_AMOUNT",
    "Ended",
    "Probes",
    "Source",
    "all_breakers",
    "ask_close",
    "ask_half_open",
    "attempts_ended",
    "confirm_close",
    "confirm_half_open",
    "open_by_hand",
    "register_source",
    "sweep",
    "trip",
]
