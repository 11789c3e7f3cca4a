"""The limit gate: windows that fill and end by themselves, and what two people let through on top."""

from routers.limits.gate import Room, give_back, locked_room, post, reserve, room
from routers.limits.waivers import TooLate, missing_for_reset, waive
from routers.limits.windows import Claim, Slot, WindowFull, next_start, slots_of, starts_of

__all__ = [
    "Claim",
    "Room",
    "Slot",
    "TooLate",
    "WindowFull",
    "give_back",
    "locked_room",
    "missing_for_reset",
    "next_start",
    "post",
    "reserve",
    "room",
    "slots_of",
    "starts_of",
    "waive",
]
