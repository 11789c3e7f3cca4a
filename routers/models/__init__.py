"""The rows behind the routers: policies, windows, breakers and kill switches."""

from routers.models.break_glass import BreakGlass
from routers.models.breakers import Breaker, BreakerEvent, BreakerState, KillSwitch, TripCause
from routers.models.policy import GLOBAL, RouterPolicy
from routers.models.windows import LimitWaiver, LimitWindow, WindowPeriod, WindowScope

__all__ = [
    "GLOBAL",
    "BreakGlass",
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
