"""The sentences on top of a payout's page: what is happening now, why, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lucid_payments import clock
from payouts.admin.words import HOLDS, hold_words
from payouts.api.estimates import REQUIRED_CONFIRMATIONS
from payouts.api.representation import confirmations
from payouts.models import Attempt, Payout
from payouts.models.attempt import AttemptState
from payouts.models.payout import PayoutStatus

_FOR_EVER = "Nothing more: a confirmed payout never goes back."


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences for people; `why` is empty where nothing needs a reason."""

    now: str
    next: str
    why: str = ""


def explain(payout: Payout, attempt: Attempt | None, *, head: int, at: datetime) -> Explanation:
    """`attempt`: the latest one, if any. `head`: the latest block. `at`: the time now, UTC."""
    match payout.status:
        case PayoutStatus.AWAITING_APPROVAL:
            return Explanation("It waits for an approver.", "Scheduled when approved, ended when rejected.")
        case PayoutStatus.SCHEDULED:
            return _scheduled(payout, at)
        case PayoutStatus.RELEASED:
            return _released(attempt)
        case PayoutStatus.SENT:
            return _sent(attempt, head)
        case PayoutStatus.CONFIRMED:
            return Explanation("Paid. Its block is final.", _FOR_EVER)
        case PayoutStatus.FAILED:
            return Explanation(
                "It failed; no money has left the treasury.",
                "Nothing by itself. Its creator may order another payout that names this one (retry_of).",
                payout.failure_message or "",
            )
        case PayoutStatus.CANCELLED:
            return Explanation("It was cancelled before any money moved.", "Nothing more.")
        case PayoutStatus.REJECTED:
            return Explanation("An approver rejected it.", "Nothing more.", payout.failure_message or "")
    hold = HOLDS[PayoutStatus.MANUAL]
    return Explanation(
        "A transaction of it is on the chain, and a person must look.",
        f"{hold.ends} Its reservation stays until then, and it is never tried again.",
        hold.why,
    )


def _scheduled(payout: Payout, at: datetime) -> Explanation:
    later = f" Not before {_utc(payout.due_at)}." if payout.due_at > at else ""
    if payout.hold_reason is None:
        return Explanation(
            "It waits to be released, which is tried every few seconds.",
            "Released once the kill switch, nodes, signer, limits and treasury all allow it." + later,
        )
    hold = HOLDS.get(payout.hold_reason)
    if hold is None:
        return Explanation(
            "It is held.", "Released when the hold ends." + later, hold_words(payout.hold_reason)
        )
    return Explanation(f"It is held: {_in_a_sentence(hold.words)}.", hold.ends + later, hold.why)


def _released(attempt: Attempt | None) -> Explanation:
    if attempt is not None and attempt.state == AttemptState.SIGNED:
        return Explanation(
            f"Attempt {attempt.number} is signed and about to be sent.",
            "Sent to every node, until it is seen.",
        )
    number = attempt.number if attempt is not None else 1
    return Explanation(
        f"Its money and its room in the limits are reserved; attempt {number} waits for the signer.",
        "Signed after a last check of recipient, amount and fee, then sent to every node.",
    )


def _sent(attempt: Attempt | None, head: int) -> Explanation:
    if attempt is None:
        return Explanation("It was sent.", "Watched until its block is final.")
    if attempt.state == AttemptState.INCLUDED:
        count = confirmations(attempt, head)
        return Explanation(
            f"It is in block {attempt.block_number}, with {count} of {REQUIRED_CONFIRMATIONS} confirmations.",
            "Confirmed when that block is final, about a minute after it was made.",
        )
    expires = _utc(clock.from_ms(attempt.expiration_ms))
    return Explanation(
        f"Attempt {attempt.number} was sent to the nodes and isn't in a block yet.",
        f"The same bytes are sent again until they are seen, or have expired unseen at {expires}.",
    )


def _in_a_sentence(words: str) -> str:
    """The first letter small, unless the first word is an abbreviation."""
    first = words.split(" ", 1)[0]
    return words if first.isupper() and len(first) > 1 else words[0].lower() + words[1:]


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
