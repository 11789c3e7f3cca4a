"""Which payouts a caller may see: the "Reads" column of the contract's table of roles."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Q, QuerySet

from kyc.models import Node
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from payouts.models import Payout


def visible_to(user: User) -> QuerySet[Payout]:
    """Admins see all, node operators their own and their nodes', everybody else what they created."""
    if user.role == Role.ADMIN:
        return Payout.objects.all()
    mine = Q(creator=user)
    if user.role == Role.NODE_OPERATOR:
        # Asked for first: an index finds the payouts of nodes that are named, a subquery is tried on every payout.
        mine |= Q(node_id__in=_nodes_of(user))
    return Payout.objects.filter(mine)


def sees(user: User) -> Callable[[Payout], bool]:
    """Whether a payout is one of `visible_to`, for who has it at hand."""
    if user.role == Role.ADMIN:
        return lambda payout: True
    nodes = set(_nodes_of(user)) if user.role == Role.NODE_OPERATOR else ()
    return lambda payout: payout.creator_id == user.pk or payout.node_id in nodes


def _nodes_of(user: User) -> list[str]:
    return list(Node.objects.filter(operator__user=user).values_list("node_id", flat=True))
