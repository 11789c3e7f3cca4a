"""What is there before Schemathesis comes: a user, payouts of that user in every state, and a chain that is well."""

from __future__ import annotations

from kyc.models import NodeOperator
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from payouts.manager import PayoutManager
from payouts.models import ChainState, Payout
from payouts.order import PayoutOrder
from tests.payouts.api.conftest import RECIPIENT
from tests.payouts.api.rows import BLOCK_TIME, attempt_of
from tests.policies import ask_no_approvals

CREATORS = ("admin", "node_operator", "end_user", "service")
# A payout's state, and that of its attempt.
STATES = (
    ("awaiting_approval", None),
    ("sent", "included"),
    ("manual", "sent"),
    ("failed", "reverted"),
    ("rejected", None),
    ("confirmed", "succeeded"),
)


def token_of(role: str) -> str:
    """The token of a new user of this role, who has a payout in each state."""
    user = User.objects.create_user(role, role=role)
    # Each payout is put into its state below, past whoever would have to agree.
    ask_no_approvals(*CREATORS)
    ChainState.objects.update_or_create(
        pk=1, defaults={"head_number": 104, "read_at": clock.now(), "operators_usable": 2}
    )
    if user.may("kyc:apply"):
        NodeOperator.objects.create(user=user, operator_id=role)
    if user.may("payment:create"):
        for number, (status, attempt) in enumerate(STATES):
            _payout(user, number, status, attempt)
    return str(issue(AccessToken, user))


def _payout(user: User, number: int, status: str, attempt: str | None) -> None:
    order = PayoutOrder(
        recipient_address=RECIPIENT, amount=5_500_000, reason="relay work", reference_id=f"no. {number}"
    )
    payout = PayoutManager.create(creator=user, order=order)
    ended = status in ("failed", "rejected")
    Payout.objects.filter(pk=payout.pk).update(
        status=status,
        ended_at=BLOCK_TIME if ended or status == "confirmed" else None,
        failure_code="LUCID_ERR_2008" if ended else None,
        failure_message="Transaction failed" if ended else None,
    )
    if attempt is not None:
        attempt_of(
            payout,
            attempt,
            block_number=100 if attempt in ("included", "reverted", "succeeded") else None,
            block_timestamp=BLOCK_TIME if attempt in ("included", "reverted", "succeeded") else None,
            fee=13_844_850 if attempt in ("reverted", "succeeded") else None,
        )
