"""Which payouts a caller may see: the "Reads" column of the contract's table of roles."""

from __future__ import annotations

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
        nodes = Node.objects.filter(operator__user=user).values_list("node_id", flat=True)
        mine |= Q(node_id__in=list(nodes))
    return Payout.objects.filter(mine)
