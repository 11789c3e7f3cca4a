"""Where on the chain a range begins or ends, as people write it: a block's number, or a day or time in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from payouts.reconciliation.runs import Range


def read(text: str) -> int | datetime | None:
    """``70000123``, ``2026-11-01`` or ``2026-11-01T12:00``; nothing is None. Raises ValueError."""
    if not text.strip():
        return None
    if text.isascii() and text.strip().isdigit() and len(text) < 16:
        return int(text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is neither a block's number nor a day or time in UTC.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def between(first: int | datetime | None, last: int | datetime | None) -> Range | None:
    """The range from one place to the other; None when neither is given."""
    if first is None and last is None:
        return None
    return Range(
        from_block=first if isinstance(first, int) else None,
        to_block=last if isinstance(last, int) else None,
        from_time=first if isinstance(first, datetime) else None,
        to_time=last if isinstance(last, datetime) else None,
    )
