"""`/recipients/me`: the caller's own wallet, or that of a node of theirs."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from kyc.models import Node, Wallet
from kyc.wallets import challenges, changing, schema
from kyc.wallets.bodies import QuerySerializer, WalletSerializer
from kyc.wallets.changing import Owner
from lucid_payments import clock
from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import HttpError
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView, caller


class RecipientView(LucidView):
    permissions = {"GET": roles.LIST, "PUT": roles.LIST}
    rate_limits = {"GET": 30, "PUT": 5}

    @schema.get_recipient
    def get(self, request: Request) -> Response:
        query = QuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        user, address = caller(request), query.validated_data.get("wallet_address")
        owner = _owner(user, query.validated_data.get("node_id"))
        challenge = None
        if address is not None:
            changing.check_address(address)
            challenge = challenges.make(user, owner.node, address)
        return Response(_shown(owner, changing.current(owner), challenge))

    @schema.set_recipient
    def put(self, request: Request) -> Response:
        body = WalletSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, given = caller(request), body.validated_data
        owner = _owner(user, given.get("node_id"))
        wallet = changing.prove(
            owner,
            actor=user,
            address=given["wallet_address"],
            nonce=given["nonce"],
            signature=given["signature"],
            request_id=request_id_of(request._request),
        )
        return Response(_shown(owner, wallet, None))


def _owner(user: User, node_id: str | None) -> Owner:
    if node_id is None:
        return Owner(user=user)
    node = Node.objects.select_related("operator__user").filter(node_id=node_id, operator__user=user).first()
    if node is None:
        raise HttpError(404, {"node_id": ["There is no node of yours with this id."]})
    return Owner(node=node)


def _shown(owner: Owner, wallet: Wallet | None, challenge: challenges.Challenge | None) -> dict[str, Any]:
    return {
        "node_id": owner.node.node_id if owner.node else None,
        "wallet": None
        if wallet is None
        else {
            "wallet_address": wallet.address,
            "state": "current" if wallet.counts(clock.now()) else "cooling_off",
            "proof": wallet.proof,
            "counts_from": wallet.counts_from,
            "created_at": wallet.created_at,
        },
        "challenge": None
        if challenge is None
        else {"message": challenge.message, "nonce": challenge.nonce, "expires_at": challenge.expires_at},
    }
