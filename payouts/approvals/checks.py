"""What is asked about payouts before an approval counts, and shown to who approves: other rooms register it.

A check reads the database alone. It is asked when the page is shown and again, inside the transaction, when
somebody approves: what one of them forbids by then can't be approved, and what they said is kept with the approval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lucid_payments.backoffice.formats import Tone
from payouts.models.payout import Payout


@dataclass(frozen=True, slots=True)
class Word:
    """What one check says of one payout. `forbids`: it can't be approved while that is so."""

    sentence: str
    tone: Tone
    forbids: bool = False


# The words by payout's primary key; as many statements for many payouts as for one.
Check = Callable[[Sequence[Payout]], Mapping[int, Word]]

_CHECKS: Final[dict[str, Check]] = {}


def register(name: str, check: Check) -> None:
    """`name` is what people read beside the words. In `AppConfig.ready`."""
    _CHECKS[name] = check


def ask(payouts: Sequence[Payout]) -> dict[int, list[tuple[str, Word]]]:
    """What every check says of each of `payouts`, by primary key, in the order of registration."""
    said: dict[int, list[tuple[str, Word]]] = {payout.pk: [] for payout in payouts}
    if payouts:
        for name, check in _CHECKS.items():
            for pk, word in check(payouts).items():
                said[pk].append((name, word))
    return said


def kept(said: Mapping[int, list[tuple[str, Word]]]) -> list[dict[str, Any]]:
    """As it stands with an approval: JSON values alone."""
    return [
        {"payout": pk, "check": name, "said": word.sentence, "forbids": word.forbids}
        for pk, words in said.items()
        for name, word in words
    ]
