"""Proofs in the back office and by the API: the root for everybody, a leaf for who it belongs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kyc.models import NodeOperator
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from payouts.distribution import proving, verify
from payouts.models import DistributionRun, RunRoot
from tests.api_client import ApiClient
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.admin import world
from tests.payouts.distribution import settled

pytestmark = pytest.mark.django_db
ROOTS = "/admin/payouts/runroot/"


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> RunRoot:
    settled.head_key(settings, tmp_path)
    return proving.prove(settled.settled().pk)


def text(answer: Any) -> str:
    assert answer.status_code == 200
    page: str = answer.content.decode()
    return page


def test_the_page_shows_what_to_publish_and_finds_a_recipient(root: RunRoot) -> None:
    auditor = desk("auditor")
    assert root.root in text(auditor.client.get(ROOTS))
    page = text(auditor.client.get(f"{ROOTS}{root.pk}/"))
    for shown in (root.root, root.public_key, "Good"):
        assert shown in page
    found = text(auditor.client.get(f"{ROOTS}{root.pk}/?recipient=node-1"))
    for payment in _leaf(root, "node-1")["payments"]:
        assert payment["txid"] in found
    assert "Nobody of this name" in text(auditor.client.get(f"{ROOTS}{root.pk}/?recipient=node-9%00"))


def test_a_proof_is_taken_out_with_a_fresh_factor_and_an_audit_entry(root: RunRoot) -> None:
    admin = desk()
    place = root.leaves.get(entitlement__recipient="node-1").place
    address = f"{ROOTS}{root.pk}/proof/{place}/"
    assert desk("compliance_officer").client.post(address).status_code == 403
    assert admin.client.get(address).status_code == 405
    answer = admin.client.post(address, {"code": world.code_of(admin.user)})
    verify.check(verify.read(answer.content), key=root.public_key, root=root.root)
    entry = AuditEntry.objects.get(action="distribution.proof_downloaded")
    assert (entry.details, entry.actor) == (
        {"recipient_type": "node", "recipient": "node-1"},
        admin.user,
    )
    assert admin.client.post(f"{ROOTS}{root.pk}/proof/99/").status_code == 404
    wrong = desk("auditor").client.post(address, {"code": "000000"})
    assert wrong.status_code == 302
    assert AuditEntry.objects.filter(action="distribution.proof_downloaded").count() == 1


def test_operators_read_their_nodes_proofs_and_users_their_own(root: RunRoot) -> None:
    address = f"/distributions/{DistributionRun.objects.get().period}/proof"
    operator = NodeOperator.objects.get(nodes__node_id="node-1").user
    mine = ApiClient(operator).get(f"{address}?node_id=node-1").body
    verify.check(mine, key=root.public_key, root=root.root)
    assert mine["leaf"]["recipient"] == "node-1"
    small = User.objects.get(public_id=root.leaves.get(entitlement__kind="user").entitlement.recipient)
    assert ApiClient(small).get(address).body["leaf"]["recipient"] == str(small.public_id)
    for caller, query in (
        (operator, "?node_id=node-2"),
        (operator, "?node_id=node-99"),
        (operator, ""),
        (small, "?node_id=node-1"),
    ):
        ApiClient(caller).get(address + query).refused(404, "LUCID_ERR_1004")
    assert ApiClient(world.user("admin")).get(f"{address}?node_id=node-2").status == 200
    ApiClient(operator).get("/distributions/2026-13/proof").refused(404, "LUCID_ERR_1004")
    for query in ("?node_id=", "?user_id=1"):
        ApiClient(operator).get(address + query).refused(400, "LUCID_ERR_1002")


def _leaf(root: RunRoot, recipient: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(root.leaves.get(entitlement__recipient=recipient).content)
    return found
