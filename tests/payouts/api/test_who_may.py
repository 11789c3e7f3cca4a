"""Each endpoint for each role, on what is its own, another's and nobody's: contract.md's table of roles, row by row.

An address without a row fails here, so that none is added without saying who may do what.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from kyc.documents import storing
from kyc.models import DocumentKind, Node, NodeOperator
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.events import webhooks
from payouts.manager import PayoutManager
from payouts.models import PayoutUpload, RecipientKind
from payouts.order import PayoutOrder
from payouts.uploads import receiving
from tests.api_client import ApiClient
from tests.kyc import desk as kyc_desk
from tests.kyc.wallets import signing
from tests.payouts.api.conftest import RECIPIENT, order
from tests.payouts.distribution import settled
from tests.payouts.uploads import files

METHODS = ("get", "post", "put", "patch", "delete")
ROLES = [role.value for role in Role]
# The columns of the table, in the order of the contract's; they are all the roles that there are.
COLUMNS = [
    "admin", "node_operator", "end_user", "service", "compliance_officer", "payout_approver", "auditor",
]  # fmt: skip


@dataclass(frozen=True)
class World:
    """A caller of the role, and an owner: the caller or a stranger. What the owner has is made when asked for."""

    caller: User
    owner: User
    node_id: str | None

    @cached_property
    def payout_id(self) -> str:
        return PayoutManager.create(creator=self.owner, order=self._order()).payout_id

    @cached_property
    def batch_id(self) -> str:
        orders = [self._order()] * 2
        return PayoutManager.create_batch(creator=self.owner, orders=orders, router_type=None).batch_id

    @cached_property
    def upload_id(self) -> str:
        content = files.csv_of([(RECIPIENT, "1", uuid.uuid4().hex, "")])
        return receiving.receive(content, "a.csv", uploader=self.owner).upload_id

    @cached_property
    def webhook_id(self) -> str:
        return webhooks.register(self.owner, url="http://127.0.0.1:1/hook", types=[]).webhook_id

    @cached_property
    def period(self) -> str:
        return settled.published(RecipientKind.USER, str(self.owner.public_id))

    @cached_property
    def application_id(self) -> str:
        operator, _ = NodeOperator.objects.get_or_create(
            user=self.owner, defaults={"operator_id": f"operator-{uuid.uuid4().hex[:8]}"}
        )
        record = kyc_desk.draft(operator)
        storing.add(record, DocumentKind.PASSPORT, kyc_desk.SCAN, actor=self.owner)
        return record.public_id

    def _order(self) -> PayoutOrder:
        return PayoutOrder(
            recipient_address=RECIPIENT, amount=1_000_000, reason="relay work", node_id=self.node_id
        )


@dataclass(frozen=True)
class Row:
    """Statuses by whose it is, in the order of the columns; `stranger` is the answer without a token."""

    route: str
    statuses: dict[str, str]
    body: Callable[[World], Any] | None = None
    stranger: int = 401

    @property
    def method(self) -> str:
        return self.route.split()[0]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.route)


NOBODYS = {
    "payout_id": "payout_nobodys",
    "batch_id": "batch_nobodys",
    "upload_id": "upload_nobodys",
    "webhook_id": "wh_nobodys",
    "application_id": f"kyc_{'0' * 32}",
    "period": "2001-01",
}
ANYBODY = "200 200 200 200 200 200 200"
LISTS = "200 200 200 200 403 403 403"
# Whose it is: "node" was made by a stranger for a node of the caller's.
READS = {
    "own": "200 200 200 200 403 403 403",
    "node": "200 200 404 404 403 403 403",
    "other": "200 404 404 404 403 403 403",
    "nobody": "404 404 404 404 403 403 403",
}
OWN_ALONE = {
    "own": "200 200 200 200 403 403 403",
    "other": "404 404 404 404 403 403 403",
    "nobody": "404 404 404 404 403 403 403",
}
# An application is for who is to be verified, and nobody else's to see by the API.
APPLICANT = {
    "own": "403 200 403 403 403 403 403",
    "other": "403 404 403 403 403 403 403",
    "nobody": "403 404 403 403 403 403 403",
}
OPEN = {"open": ANYBODY}
# A body that says nothing: whoever may report is told what is missing.
CORE_ALONE = "403 403 403 400 403 403 403"
BAD_BODY = {"open": "400 400 400 400 400 400 400"}


def one(_: World) -> Any:
    return order()


def two(_: World) -> Any:
    return {"payouts": [order(), order()]}


def nothing(_: World) -> Any:
    return {}


def bulk(world: World) -> Any:
    return [world.payout_id]


def whole_file(world: World) -> Any:
    found = PayoutUpload.objects.filter(upload_id=world.upload_id).first()
    sha256 = found.sha256 if found is not None else "0" * 64
    return {"sha256": sha256, "duplicates_meant": True}


def wallet(world: World) -> Any:
    return signing.body(world.caller)


def hook(_: World) -> Any:
    return {"url": "http://127.0.0.1:1/hook"}


def declaration(_: World) -> Any:
    return {"fields": kyc_desk.DECLARED}


TABLE = [
    Row("POST /payouts", {"any": "201 201 201 201 403 403 403"}, one),
    Row("GET /payouts", {"any": LISTS}),
    Row("GET /payouts/{payout_id}", READS),
    Row("GET /payouts/{payout_id}/transaction", READS),
    Row("POST /payouts/transactions/bulk", {"any": LISTS}, bulk),
    Row(
        "POST /payouts/{payout_id}/cancel",
        # Who merely may read it is told so: it is no secret to an operator that the node has this payout.
        {**READS, "node": "200 403 404 404 403 403 403"},
        nothing,
    ),
    Row("POST /payouts/batch", {"any": "201 201 403 201 403 403 403"}, two),
    Row("GET /payouts/batch/{batch_id}", {key: READS[key] for key in ("own", "other", "nobody")}),
    # No multipart body: who gets so far is told so.
    Row("POST /payouts/batch/upload", {"any": "415 415 403 415 403 403 403"}, nothing),
    Row("GET /payouts/batch/upload/{upload_id}", {key: READS[key] for key in ("own", "other", "nobody")}),
    Row(
        "GET /payouts/batch/upload/{upload_id}/file", {key: READS[key] for key in ("own", "other", "nobody")}
    ),
    Row(
        "POST /payouts/batch/upload/{upload_id}/submit",
        # Who gave the file submits it: administrators read it, and are told so.
        {**OWN_ALONE, "own": "201 201 403 201 403 403 403", "other": "403 404 404 404 403 403 403"},
        whole_file,
    ),
    Row("GET /distributions/{period}/proof", OWN_ALONE),
    Row("GET /limits", {"any": LISTS}),
    Row("GET /stats", {"any": "200 200 403 200 403 403 200"}),
    Row("GET /recipients/me", {"any": LISTS}),
    Row("PUT /recipients/me", {"any": LISTS}, wallet),
    Row("GET /events", {"any": LISTS}),
    Row("POST /events/session-completed", {"any": CORE_ALONE}, nothing),
    Row("POST /events/node-reputation", {"any": CORE_ALONE}, nothing),
    Row("POST /events/node-registered", {"any": CORE_ALONE}, nothing),
    Row("POST /events/node-deregistered", {"any": CORE_ALONE}, nothing),
    Row("GET /webhooks", {"any": LISTS}),
    Row("POST /webhooks", {"any": "201 201 201 201 403 403 403"}, hook),
    Row("GET /webhooks/{webhook_id}", OWN_ALONE),
    Row("DELETE /webhooks/{webhook_id}", OWN_ALONE),
    Row("GET /webhooks/{webhook_id}/secret", OWN_ALONE),
    Row("POST /webhooks/{webhook_id}/secret", OWN_ALONE, nothing),
    Row("POST /webhooks/{webhook_id}/test", OWN_ALONE, nothing),
    Row("GET /kyc/applications", {"any": "403 200 403 403 403 403 403"}),
    Row("POST /kyc/applications", {"node": "403 201 403 403 403 403 403"}, declaration),
    Row("GET /kyc/applications/{application_id}", APPLICANT),
    Row("PUT /kyc/applications/{application_id}", APPLICANT, declaration),
    # No multipart body: who gets so far is told so.
    Row(
        "POST /kyc/applications/{application_id}/documents",
        {**APPLICANT, "own": "403 415 403 403 403 403 403"},
        nothing,
    ),
    Row("POST /kyc/applications/{application_id}/submit", APPLICANT, nothing),
    Row("POST /auth/token", BAD_BODY, nothing, stranger=400),
    Row("POST /auth/token/refresh", BAD_BODY, nothing, stranger=400),
    Row("POST /auth/token/revoke", BAD_BODY, nothing, stranger=400),
    Row("POST /auth/key", BAD_BODY, nothing, stranger=400),
    Row("GET /auth/jwks.json", OPEN, stranger=200),
    Row("GET /health", OPEN, stranger=200),
    Row("GET /health/live", OPEN, stranger=200),
    Row("GET /health/ready", OPEN, stranger=200),
    Row("GET /schema", OPEN, stranger=200),
    Row("GET /docs", OPEN, stranger=200),
    # For this machine alone, whatever the token; test_metrics.py has the rest.
    Row("GET /metrics", OPEN, stranger=200),
]


@pytest.fixture(autouse=True)
def webhooks_of_this_machine(settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = True


def routes() -> Iterator[str]:
    """Every method and address under the API's prefix, as the table writes them."""
    yield from _routes(get_resolver().url_patterns, "")


def _routes(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif route.startswith(django_settings.API_PREFIX):
            address = "/" + re.sub(
                r"<(?:\w+:)?(\w+)>", r"{\1}", route.removeprefix(django_settings.API_PREFIX)
            )
            view = getattr(pattern.callback, "view_class", None)
            methods = [name for name in METHODS if hasattr(view, name)] if view else ["get"]
            yield from (f"{method.upper()} {address}" for method in methods)


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    assert sorted(routes()) == sorted(row.route for row in TABLE)


def test_every_role_has_a_column() -> None:
    assert sorted(COLUMNS) == sorted(ROLES)
    for row in TABLE:
        assert all(len(found.split()) == len(COLUMNS) for found in row.statuses.values()), row.route


def _user(role: str) -> User:
    return User.objects.create_user(f"{role}-{uuid.uuid4().hex[:8]}", role=role)


def world(role: str, whose: str, parameters: Sequence[str] = ()) -> World:
    """What the owner has, it made as a service: a role that creates nothing may have had another one before."""
    caller = _user("service")
    node = None
    if whose == "node":
        node = f"node-{uuid.uuid4().hex[:8]}"
        operator = NodeOperator.objects.create(user=caller, operator_id=f"operator-{node}")
        Node.objects.create(node_id=node, operator=operator)
    found = World(caller, caller if whose == "own" else _user("service"), node)
    for name in parameters:
        getattr(found, name)
    caller.role = role
    caller.save()
    return found


def path_of(row: Row, found: World, whose: str) -> str:
    address = row.route.split()[1]
    for name in row.parameters:
        value = NOBODYS[name] if whose == "nobody" else getattr(found, name)
        address = address.replace(f"{{{name}}}", value)
    return f"/{django_settings.API_PREFIX}{address[1:]}"


def send(row: Row, found: World, whose: str, *, bearer: str | None = None) -> Any:
    """`bearer`: another token than the caller's own; empty for none."""
    token = str(issue(AccessToken, found.caller)) if bearer is None else bearer
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = json.dumps(row.body(found)) if row.body else None
    return Client(raise_request_exception=False).generic(
        row.method, path_of(row, found, whose), body or "", content_type="application/json", headers=headers
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.route)
def test_each_role_is_answered_as_the_table_says(row: Row, db: None) -> None:
    wrong = []
    for whose, statuses in row.statuses.items():
        for role, status in zip(COLUMNS, statuses.split(), strict=True):
            answer = send(row, world(role, whose, row.parameters), whose)
            if answer.status_code != int(status):
                wrong.append(f"{role} on {whose}: {answer.status_code}, and not {status}")
    assert not wrong, "\n".join([row.route, *wrong])


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.route)
def test_who_has_no_token_is_answered_as_the_table_says(row: Row, db: None) -> None:
    for whose in row.statuses:
        assert (
            send(row, world("service", whose, row.parameters), whose, bearer="").status_code == row.stranger
        )


@pytest.mark.parametrize("row", [row for row in TABLE if "other" in row.statuses], ids=lambda row: row.route)
def test_what_is_anothers_is_answered_like_what_is_nobodys(row: Row, db: None) -> None:
    """Nothing tells a caller that it exists."""
    for role in ("node_operator", "end_user", "service"):
        found = world(role, "other", row.parameters)
        bodies = [send(row, found, whose).json()["error"] for whose in ("other", "nobody")]
        for body in bodies:
            del body["request_id"], body["timestamp"]
        assert bodies[0] == bodies[1]


SEEN = {"admin": "own node other", "node_operator": "own node", "end_user": "own", "service": "own"}


@pytest.mark.parametrize(("role", "whose"), SEEN.items())
def test_lists_hold_what_may_be_read_and_nothing_else(role: str, whose: str, db: None) -> None:
    found = {
        name: world("service", name, ["payout_id", "batch_id", "webhook_id"])
        for name in ("own", "node", "other")
    }
    caller = found["own"].caller
    operator = NodeOperator.objects.get(user=found["node"].caller)
    NodeOperator.objects.filter(pk=operator.pk).update(user=caller)
    User.objects.filter(pk=caller.pk).update(role=role)
    api = ApiClient(caller)
    readable = {found[name].payout_id for name in whose.split()}
    all_of_them = [one.payout_id for one in found.values()]

    listed = {payout["payout_id"] for payout in api.get("/payouts").body["payouts"]}
    assert listed & set(all_of_them) == readable
    bulked = {row["payout_id"] for row in api.post("/payouts/transactions/bulk", all_of_them).body}
    assert bulked == readable
    hooks = [row["webhook_id"] for row in api.get("/webhooks").body["webhooks"]]
    assert hooks == [found["own"].webhook_id]
    for name, other in found.items():
        of_batch = api.get(f"/payouts?batch_id={other.batch_id}").body["payouts"]
        assert bool(of_batch) == (name in whose.split()), name


def test_a_role_taken_away_counts_at_the_next_request_on_every_address(db: None) -> None:
    for row in TABLE:
        if row.stranger != 401:
            continue
        whose = next(iter(row.statuses))
        found = world("service", whose, row.parameters)
        token = str(issue(AccessToken, found.caller))
        User.objects.filter(pk=found.caller.pk).update(role="payout_approver")
        assert send(row, found, whose, bearer=token).status_code == 403, row.route
        User.objects.filter(pk=found.caller.pk).update(is_active=False)
        assert send(row, found, whose, bearer=token).status_code == 401, row.route
