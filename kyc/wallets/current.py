"""The address that an owner is paid at now: the last one given, once its cooling-off time is over."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from kyc.models import Wallet
from lucid_payments.clock import LucidNow


def of_user(user_pk: int) -> str | None:
    """The user's address; None without one, and while a new one cools off (the one before it is void at once)."""
    return of_users([user_pk]).get(user_pk)


def of_node(node_id: str) -> str | None:
    """The node's address, in the same way."""
    return of_nodes([node_id]).get(node_id)


def of_users(user_pks: Collection[int]) -> dict[int, str]:
    """The addresses of these users that count now, in one query; who has none is left out."""
    return dict(_counting().filter(user__in=user_pks).values_list("user_id", "address")) if user_pks else {}


def of_nodes(node_ids: Collection[str]) -> dict[str, str]:
    """The addresses of these nodes that count now, in one query; which has none is left out."""
    if not node_ids:
        return {}
    return dict(_counting().filter(node__node_id__in=node_ids).values_list("node__node_id", "address"))


def _counting() -> QuerySet[Wallet]:
    return Wallet.objects.filter(ended_at=None, counts_from__lte=LucidNow()).order_by()
