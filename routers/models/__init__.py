"""The rows behind the routers: policies, windows, breakers, kill switches, and what waits for a second person."""

from routers.models.acts import Ask, AskState
from routers.models.breakers import Breaker, BreakerEvent, BreakerState, KillSwitch, TripCause
from routers.models.policy import GLOBAL, RouterPolicy
from routers.models.windows import LimitWaiver, LimitWindow, WindowPeriod, WindowScope

__all__ = [
    "GLOBAL",
    "Ask",
    "AskState",
    "Breaker",
    "BreakerEvent",
    "BreakerState",
    "KillSwitch",
    "LimitWaiver",
    "LimitWindow",
    "RouterPolicy",
    "TripCause",
    "WindowPeriod",
    "WindowScope",
]
