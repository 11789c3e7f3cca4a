"""The signer's own caps, which nothing here can raise: what is allowed beyond them would never be signed.

What is read here decides nothing: the signer obeys its own file, on its own machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.conf import settings

from lucid_payments.money import format_usdt
from routers.models import WindowPeriod

# The signer's word by period, in base units; empty before it gave one.
Source = Callable[[], Mapping[str, int]]
_source: Source = dict


def register_source(source: Source) -> None:
    """The app that knows the signer says how to ask what it told of its caps."""
    global _source
    _source = source


def ceiling(period: str) -> int:
    """What the signer signs for in such a period at most (base units)."""
    told = _source().get(period)
    if told is not None:
        return told
    return int(settings.SIGNER_HOURLY_CAP if period == WindowPeriod.HOUR else settings.SIGNER_DAILY_CAP)


def ceiling_sentence(period: str) -> str:
    """Why no more can be allowed, and what moves that."""
    option = "--hourly" if period == WindowPeriod.HOUR else "--daily"
    return (
        f"The signer signs for at most {format_usdt(ceiling(period))} USDT in one {period} and would refuse the"
        f" rest. On the signer's machine, two administrators move that: manage.py signer caps {option}."
    )
