"""A payout's states and holds in words. The API's machine words stay in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lucid_payments.backoffice.formats import Tone
from payouts.models.attempt import AttemptState
from payouts.models.payout import HoldReason, PayoutStatus

STATUS: Final[dict[str, tuple[str, Tone]]] = {
    PayoutStatus.AWAITING_APPROVAL: ("Awaiting approval", Tone.WAITING),
    PayoutStatus.SCHEDULED: ("Scheduled", Tone.QUIET),
    PayoutStatus.RELEASED: ("Released", Tone.MOVING),
    PayoutStatus.SENT: ("Sent", Tone.MOVING),
    PayoutStatus.CONFIRMED: ("Confirmed", Tone.GOOD),
    PayoutStatus.FAILED: ("Failed", Tone.BAD),
    PayoutStatus.CANCELLED: ("Cancelled", Tone.QUIET),
    PayoutStatus.REJECTED: ("Rejected", Tone.BAD),
    PayoutStatus.MANUAL: ("Needs a person", Tone.BAD),
}

ATTEMPT: Final[dict[str, tuple[str, Tone]]] = {
    AttemptState.PREPARED: ("Prepared", Tone.QUIET),
    AttemptState.WITHDRAWN: ("Withdrawn, never signed", Tone.QUIET),
    AttemptState.SIGNED: ("Signed", Tone.MOVING),
    AttemptState.SENT: ("Sent", Tone.MOVING),
    AttemptState.INCLUDED: ("In a block", Tone.MOVING),
    AttemptState.SUCCEEDED: ("Succeeded", Tone.GOOD),
    AttemptState.REVERTED: ("Reverted", Tone.BAD),
    AttemptState.DEAD: ("Expired unseen", Tone.BAD),
}

CONDITIONS: Final[dict[str, str]] = {
    "node": "The node is registered and active",
    "kyc": "Its operator is KYC-verified",
    "hash": "The operator's KYC hash is a valid SHA-256",
    "attestation": "The attestation is in force, and allows the amount",
    "reputation": "The node's reputation is 0.5 or more",
    "wallet": "The recipient is the attested wallet",
}


@dataclass(frozen=True, slots=True)
class Hold:
    """`words` for a list, `why` and `ends` as sentences for the payout's page."""

    words: str
    why: str
    ends: str


_BY_ITSELF: Final = "It goes on by itself then."

HOLDS: Final[dict[str, Hold]] = {
    HoldReason.APPROVAL: Hold("Needs approval", "Its amount needs an approver.", "An approver decides."),
    HoldReason.SLOT: Hold("Waits for its slot", "Its batch has a time of its own.", "Released at its slot."),
    HoldReason.HOURLY_LIMIT: Hold(
        "Hourly limit", "It doesn't fit into what this hour may still pay.", "The next hour has new room."
    ),
    HoldReason.DAILY_LIMIT: Hold(
        "Daily limit", "It doesn't fit into what today may still pay.", "The day ends at 24:00 UTC."
    ),
    HoldReason.RECIPIENT_LIMIT: Hold(
        "Recipient's limit", "The recipient has had what one recipient may have.", "Its window ends."
    ),
    HoldReason.CREATOR_LIMIT: Hold(
        "Creator's limit", "The creator has paid what one creator may pay.", "Its window ends."
    ),
    HoldReason.SUBJECT_LIMIT: Hold(
        "Attested limit",
        "The node's attestation doesn't let it be paid this much now.",
        "Its day or month ends, or another attestation allows it.",
    ),
    HoldReason.IN_FLIGHT: Hold(
        "Too many in flight", "As many as allowed are on their way.", "Released when one is in a block."
    ),
    HoldReason.BREAKER: Hold(
        "Circuit breaker", "Too many payouts failed lately.", "The breaker closes or is reset."
    ),
    HoldReason.KILL_SWITCH: Hold(
        "Kill switch", "The kill switch is pulled; nothing is signed or sent.", "Somebody lets it go."
    ),
    HoldReason.PAUSED: Hold("Paused", "Its slot was paused by a person.", "A person resumes the slot."),
    HoldReason.TREASURY_USDT: Hold(
        "Not enough USDT",
        "The treasury can't cover it, or the token would refuse it.",
        "Top the treasury up.",
    ),
    HoldReason.TREASURY_TRX: Hold(
        "Not enough TRX", "The treasury can't pay the network's fee.", "Top up TRX, or raise the fee's cap."
    ),
    HoldReason.TOKEN_PAUSED: Hold(
        "USDT is paused", "The token's issuer has stopped transfers.", "The issuer resumes. " + _BY_ITSELF
    ),
    HoldReason.SCREENING: Hold(
        "Screening", "The recipient's address needs a look, or is frozen.", "Compliance decides."
    ),
    HoldReason.LIST_STALE: Hold(
        "Sanctions list too old", "Screening needs a newer list.", "A new list is imported. " + _BY_ITSELF
    ),
    HoldReason.KYC: Hold("KYC", "The operator isn't KYC-verified now.", "The operator is verified again."),
    HoldReason.ATTESTATION: Hold(
        "Attestation", "The attestation isn't in force now.", "The operator renews the attestation."
    ),
    HoldReason.NODE_INACTIVE: Hold(
        "Node inactive", "The node isn't registered and active.", "The node registers again."
    ),
    HoldReason.COOLING_OFF: Hold(
        "Cooling off",
        "The address is new to us, and the amount large.",
        "Two people confirm the address, or the waiting time ends. " + _BY_ITSELF,
    ),
    HoldReason.SIGNER: Hold(
        "Signer away or locked", "Nothing can be signed now.", "The signer is started or unlocked."
    ),
    HoldReason.CLOCK: Hold(
        "Clocks differ", "Our clock and the chain's are over 60 s apart.", "They agree again. " + _BY_ITSELF
    ),
    HoldReason.NODES: Hold(
        "Nodes unsure", "Too few TRON nodes give fresh, equal answers.", "They do again. " + _BY_ITSELF
    ),
    HoldReason.RETRY: Hold(
        "Waits to retry", "The attempt before didn't pay; a pause follows.", "Tried again after the pause."
    ),
    HoldReason.POSSIBLE_DUPLICATE: Hold(
        "Possible duplicate", "It equals a transfer that our books didn't know.", "A person compares the two."
    ),
    HoldReason.MANUAL: Hold(
        "A person must look", "The chain shows something else than was asked for.", "Two people decide."
    ),
}


# These end by themselves in good time; every other hold may need a person.
PASSING: Final = frozenset(
    {
        HoldReason.SLOT,
        HoldReason.HOURLY_LIMIT,
        HoldReason.DAILY_LIMIT,
        HoldReason.RECIPIENT_LIMIT,
        HoldReason.CREATOR_LIMIT,
        HoldReason.SUBJECT_LIMIT,
        HoldReason.IN_FLIGHT,
        HoldReason.COOLING_OFF,
        HoldReason.RETRY,
    }
)


def hold_words(reason: str | None) -> str:
    """The hold in a few words; empty without one. A reason that is new here still shows."""
    if not reason:
        return ""
    known = HOLDS.get(reason)
    return known.words if known else reason.replace("_", " ")


def status_words(status: str) -> str:
    return STATUS[status][0] if status in STATUS else status


def status_tone(status: str, hold_reason: str | None) -> Tone:
    """A held payout looks like one that waits."""
    if status == PayoutStatus.SCHEDULED and hold_reason:
        return Tone.WAITING
    return STATUS[status][1]
