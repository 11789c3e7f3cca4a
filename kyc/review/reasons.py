"""The closed lists of reasons. A fixable one is asked about, a final one rejects; free text is extra, never instead.

`outward` is what the applicant is told: never that a list was matched, or which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """`words` are for staff; `outward` is the code that leaves the house, most often the same."""

    code: str
    words: str
    outward: str


def _list(*reasons: tuple[str, str] | tuple[str, str, str]) -> dict[str, Reason]:
    return {code: Reason(code, words, *(outward or [code])) for code, words, *outward in reasons}


NOT_ACCEPTED: Final = "not_accepted"

FIXABLE: Final = _list(
    ("unreadable", "Can't be read: blurred, cut off, too dark"),
    ("document_expired", "The document has expired"),
    ("wrong_document", "Another kind of document is needed"),
    ("page_missing", "A page or side is missing"),
    ("doesnt_match", "Declaration and document differ"),
    ("incomplete", "Something is missing"),
    ("too_old", "Older than is accepted as proof"),
)
APPROVAL: Final = _list(
    ("verified", "Identity verified by documents"),
    ("verified_with_care", "Verified, with enhanced due diligence"),
)
REJECTION: Final = _list(
    ("forged_document", "A document is forged or altered", NOT_ACCEPTED),
    ("identity_not_proven", "Who this is couldn't be established"),
    ("underage", "Under the age of 18"),
    ("duplicate", "The person is an operator already"),
    ("country_not_served", "The country isn't served"),
    ("screening_confirmed", "A screening hit is confirmed", NOT_ACCEPTED),
    ("outside_risk_appetite", "The risk isn't taken", NOT_ACCEPTED),
    ("withdrawn", "The applicant withdrew"),
)
# The system's own.
UNANSWERED: Final = "not_answered"
LAPSE: Final = _list((UNANSWERED, "Nobody answered in time"))
RETURN: Final = _list(
    ("not_convinced", "The second reviewer isn't convinced"),
    ("risk_wrong", "The risk was assessed wrongly"),
    ("evidence_missing", "A decision on a document isn't borne out"),
)
SUSPENSION: Final = _list(
    ("screening_confirmed", "A screening hit is confirmed", NOT_ACCEPTED),
    ("document_expired", "The document has expired"),
    ("information_doubtful", "What was declared is in doubt"),
    ("under_investigation", "An investigation is under way", NOT_ACCEPTED),
)
REINSTATEMENT: Final = _list(
    ("hit_cleared", "The screening hit was cleared", "cleared"),
    ("document_renewed", "A valid document is there"),
    ("cleared", "The doubt is cleared up"),
)
REVOCATION: Final = _list(
    ("false_information", "What was declared was false"),
    ("screening_confirmed", "A screening hit is confirmed", NOT_ACCEPTED),
    ("operator_left", "The operator has left"),
    ("risk_unacceptable", "The risk isn't taken any more", NOT_ACCEPTED),
)
ESCALATION: Final = _list(
    ("sanctions_question", "A question about sanctions"),
    ("politically_exposed", "A politically exposed person"),
    ("suspicion", "A suspicion to report"),
    ("unsure", "Beyond the reviewer's authority"),
)
ERASURE: Final = _list(
    ("person_asked", "The person asked for it"),
    ("retention_over", "The time to keep it is over"),
    ("kept_unlawfully", "It should not have been kept"),
)
_ALL: Final = (
    FIXABLE, APPROVAL, REJECTION, LAPSE, RETURN, SUSPENSION, REINSTATEMENT, REVOCATION, ESCALATION,
    ERASURE,
)  # fmt: skip


def words(code: str) -> str:
    """For staff; a code of an older list stands for itself."""
    return next((reasons[code].words for reasons in _ALL if code in reasons), code)


def outward(codes: Iterable[str]) -> list[str]:
    """What the applicant is told of these, each once, in the order given."""
    told = (
        next((reasons[code].outward for reasons in _ALL if code in reasons), NOT_ACCEPTED) for code in codes
    )
    return list(dict.fromkeys(told))
