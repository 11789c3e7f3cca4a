"""What every log line says of its request: its id, the user and the payout, here and in the tasks that it wakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from structlog import contextvars

NAMES: Final = ("request_id", "user", "payout_id")


def know(**facts: str) -> None:
    """Say so in every line until the request or task ends."""
    contextvars.bind_contextvars(**facts)


def carried() -> dict[str, str]:
    """What a message takes along to the worker."""
    known = contextvars.get_contextvars()
    return {name: str(known[name]) for name in NAMES if known.get(name)}


@contextmanager
def of_one(facts: Mapping[str, Any]) -> Iterator[None]:
    """A request or task of its own: nothing of the one before on this thread, nothing left for the next."""
    contextvars.unbind_contextvars(*NAMES)
    know(**{name: str(facts[name]) for name in NAMES if facts.get(name)})
    try:
        yield
    finally:
        contextvars.unbind_contextvars(*NAMES)
