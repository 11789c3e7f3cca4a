"""How the back office writes amounts, times and facts. Everything that comes from outside is escaped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from lucid_payments.money import format_usdt

_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
NOTHING = "\N{EN DASH}"


class Tone(StrEnum):
    """The colour beside a word; each comes with a sign of its own, for who can't see the colour."""

    QUIET = "quiet"
    MOVING = "moving"
    WAITING = "waiting"
    GOOD = "good"
    BAD = "bad"


SIGNS: dict[Tone, str] = {
    Tone.QUIET: "○",
    Tone.MOVING: "➜",
    Tone.WAITING: "◷",
    Tone.GOOD: "✓",
    Tone.BAD: "✕",
}


def badge(words: str, tone: Tone) -> SafeString:
    """The words with their tone's sign and colour."""
    return format_html(
        '<span class="badge badge-{}"><span aria-hidden="true">{}</span> {}</span>', tone, SIGNS[tone], words
    )


def usdt(units: int | None) -> str:
    """Base units as ``1,234.50``."""
    return NOTHING if units is None else format_usdt(units)


def trx(sun: int | None) -> str:
    """Sun as TRX, ``13.8447``; both have six decimals."""
    return NOTHING if sun is None else format_usdt(sun)


def count(number: int | None) -> str:
    """A whole number as ``410,000``."""
    return NOTHING if number is None else f"{number:,}"


def code(text: str | None) -> SafeString | str:
    """An address, txid or id: whole and in one width, so that it can be compared letter by letter."""
    return format_html("<code>{}</code>", text) if text else NOTHING


def moment(at: datetime | None) -> SafeString | str:
    """A time in UTC, to the second."""
    if at is None:
        return NOTHING
    utc = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time>', utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M:%S")
    )


def span(duration: timedelta | None) -> str:
    """A duration in its largest unit: ``3 min``, ``2 days``."""
    if duration is None:
        return NOTHING
    seconds = max(0, int(duration.total_seconds()))
    for word, size in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' if word == 'day' and count != 1 else ''}"
    return "0 s"


def pretty_json(value: Any) -> str:
    """JSON as people read it; the page escapes it."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
