"""Where the request that is being answered comes from, for the entries that it leads to; nothing in workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Origin:
    """`client`: the peer's address or the Tor circuit, as the rate limits know it."""

    request_id: str = ""
    client: str = ""


NOWHERE: Final = Origin()
_current: ContextVar[Origin] = ContextVar("origin of the request", default=NOWHERE)


def current() -> Origin:
    return _current.get()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Every entry written inside says this origin."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)
