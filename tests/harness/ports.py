"""Ports of this machine for the processes that tests start, which listen a second or more after they were chosen.

They lie where the kernel takes no port by itself: neither for a connection that somebody opens in between, nor for
whoever binds port 0. No process of tests is given one twice, and each begins somewhere else.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

HOST: Final = "127.0.0.1"
# Linux's own begin at 32768, other systems' at 49152.
FIRST, END = 12_000, 32_000
# No stack of processes needs more ports in a row.
STEP: Final = 20


def _blocks() -> Iterator[int]:
    count = (END - FIRST) // STEP
    # Processes that are started one after the other, as xdist's workers are, begin far apart.
    start = os.getpid() * 389
    while True:
        for number in range(count):
            yield FIRST + (start + number) % count * STEP


_next = _blocks()


def free_port(*, also: Sequence[int] = ()) -> int:
    """A port that nobody listens on, nor on those so far behind it (each under 20)."""
    for _ in range((END - FIRST) // STEP):
        first = next(_next)
        if all(_is_free(first + offset) for offset in (0, *also)):
            return first
    raise RuntimeError(f"no free port from {FIRST} to {END}")


def free_ports(count: int) -> list[int]:
    """So many in a row, at most 20."""
    first = free_port(also=range(1, count))
    return list(range(first, first + count))


def _is_free(port: int) -> bool:
    """As a server finds out: what is left of connections that have ended is in nobody's way."""
    with ExitStack() as stack:
        try:
            stack.enter_context(socket.create_server((HOST, port)))
        except OSError:
            return False
    return True
