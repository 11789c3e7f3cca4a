"""The demo's people, obviously invented, and their node operators in every state of KYC."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from kyc.models import Node, NodeOperator, OperatorStatus, Wallet, WalletProof
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.embedded.world import authority, desk
from payouts.tron import addresses

# The name in demo.json and of the account, and its role.
PEOPLE = {
    "admin": "admin",
    "second_admin": "admin",
    "node_operator": "node_operator",
    "end_user": "end_user",
    "service": "service",
    "compliance_officer": "compliance_officer",
    "second_compliance_officer": "compliance_officer",
    "payout_approver": "payout_approver",
    "second_approver": "payout_approver",
    "auditor": "auditor",
}
VERIFIED_NODE = "node-demo-1"


@transaction.atomic
def create() -> dict[str, dict[str, str]]:
    """Create the accounts; answers what demo.json says of them: username, password, totp_secret for staff."""
    # It names the people's wallets.
    from lucid_payments.embedded.world import lists

    told = {name: _account(name, role) for name, role in PEOPLE.items()}
    # Before anybody is attested to have been screened by them.
    lists.keep()
    _operators()
    return told


def wallet(name: str) -> str:
    """An address nobody holds the key of, always the same for a name."""
    return addresses.encode(b"\x41" + hashlib.sha256(f"lucid demo wallet {name}".encode()).digest()[:20])


def _account(name: str, role: str) -> dict[str, str]:
    password = secrets.token_urlsafe(18)
    user = User.objects.create_user(
        username=name, password=password, role=role, email=f"{name}@demo.invalid", first_name="Demo"
    )
    told = {"username": name, "password": password}
    if user.is_back_office:
        key = secrets.token_bytes(20)
        TOTPDevice.objects.create(user=user, name="demo", key=key.hex(), confirmed=True)
        told["totp_secret"] = base64.b32encode(key).decode()
    return told


def _operators() -> None:
    """One operator verified throughout, with the node that the KYC router pays; one more in each state of KYC."""
    _operator(User.objects.get(username="node_operator"), VERIFIED_NODE)
    for name in (*OperatorStatus.values, *desk.MORE):
        user = User.objects.create_user(username=f"operator_{name}", password=None, role="node_operator")
        _operator(user, f"node-{name.replace('_', '-')}")
    desk.past()
    verified = list(
        Node.objects.select_related("operator")
        .filter(operator__status=OperatorStatus.APPROVED)
        .order_by("pk")
    )
    for node in verified:
        _wallet(node, clock.now() - authority.BEFORE - timedelta(days=1))
    authority.attest(
        {node: wallet(node.node_id) for node in verified},
        added_by=User.objects.get(username="admin"),
        approved_by=User.objects.get(username="second_admin"),
    )


def _operator(user: User, node_id: str) -> Node:
    operator = NodeOperator.objects.create(user=user, operator_id=f"operator-{user.username}")
    return Node.objects.create(node_id=node_id, operator=operator, reputation=Decimal("0.9"))


def _wallet(node: Node, at: datetime) -> None:
    """Vouched for by two people when the node was taken in."""
    officers = [
        User.objects.get(username=name) for name in ("compliance_officer", "second_compliance_officer")
    ]
    Wallet.objects.create(
        node=node, address=wallet(node.node_id), proof=WalletProof.CONFIRMED, added_by=officers[0],
        confirmed_by=officers[1], created_at=at, counts_from=at,
    )  # fmt: skip
