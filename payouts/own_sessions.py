"""Whose sessions a payout may name, and when one of one's own needs nobody (compliance.md, "Approval")."""

from __future__ import annotations

from collections.abc import Collection

from kyc.wallets import current as wallets
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from payouts.distribution import paid_sessions, session_rules, sessions
from payouts.order import PayoutOrder


def foreign(creator: User, session_ids: Collection[str]) -> set[str]:
    """Those of these sessions that Core has told of as somebody else's work, for callers who are paid for their own.

    A payout that names a session takes it out of the month: nobody does that to another's.
    """
    if creator.role not in (Role.END_USER, Role.NODE_OPERATOR):
        return set()
    known = sessions.current(session_ids)
    nodes = {session.node_id for session in known.values() if session.node_id is not None}
    own = set(_nodes_of(creator, nodes)) if nodes and creator.role == Role.NODE_OPERATOR else set()
    return {
        session_id
        for session_id, session in known.items()
        if (session.node_id not in own if session.node_id is not None else session.account() != creator)
    }


def needs_nobody(creator: User, order: PayoutOrder) -> bool:
    """Whether this end user asks for no more than their own completed session is worth, unpaid, to their own wallet.

    The price is the session rule's, running or not; without one no session is worth anything. Final only under the
    turns that `Desk.open` takes.
    """
    if creator.role != Role.END_USER or not order.session_id:
        return False
    session = sessions.current([order.session_id]).get(order.session_id)
    if session is None or session.account() != creator:
        return False
    return (
        order.amount <= session.credits * session_rules.in_force().amount_per_credit
        # Who has got into the account alone can't name another address: a new wallet cools off.
        and order.recipient_address == wallets.of_user(creator.pk)
        and not paid_sessions.known([order.session_id]).payouts
    )


def _nodes_of(creator: User, node_ids: Collection[str]) -> list[str]:
    operator = getattr(creator, "node_operator", None)
    if operator is None:
        return []
    return list(operator.nodes.filter(node_id__in=node_ids).values_list("node_id", flat=True))
