"""What stands on top of every page: where one is, and what everybody at work must know now.

Apps above this one register what they know (`register`); a page shows it to whoever may enter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings


class Level(StrEnum):
    """How a banner looks; its word stands in the text too, never in the colour alone."""

    ENVIRONMENT = "environment"
    WARNING = "warning"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Banner:
    """`url` leads to the page that says more, by a link of these `words`."""

    level: Level
    title: str
    text: str = ""
    url: str = ""
    words: str = "See alarms"


Provider = Callable[[], Iterable[Banner]]
_PROVIDERS: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Ask `provider` for its banners on every page; usable as a decorator."""
    _PROVIDERS.append(provider)
    return provider


def environment() -> Banner | None:
    """Which installation this is; None in production, where money is real."""
    network = settings.TRON_NETWORK
    match settings.LUCID_ENV:
        case "demo":
            return Banner(Level.ENVIRONMENT, "Demo", f"{network}, no real money")
        case "test":
            return Banner(Level.ENVIRONMENT, "Test", f"{network}, no real money")
        case "staging":
            return Banner(Level.ENVIRONMENT, "Staging", f"{network}, no real money")
    return None


def current() -> Iterator[Banner]:
    """What is so now, what stops everything first."""
    found = [banner for provider in _PROVIDERS for banner in provider()]
    yield from sorted(found, key=lambda banner: banner.level != Level.STOPPED)
