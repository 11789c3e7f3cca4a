"""`Idempotency-Key` on every POST: a row each, so that none is added without it; and on a process that is killed."""

from __future__ import annotations

import functools
import http.client
import json
import re
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.api.models import IdempotencyRecord
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events import webhooks
from lucid_payments.events.models import Event, WebhookEndpoint
from payouts.models import Payout, PayoutBatch, WorkEvent
from payouts.uploads import receiving
from tests.api_client import ApiClient
from tests.harness.web import web
from tests.payouts.api.conftest import RECIPIENT, MakePayout, MakeUser, order
from tests.payouts.api.test_who_may import routes
from tests.payouts.uploads import files

HOOK = "http://127.0.0.1:1/hook"
KEY = {"Idempotency-Key": "the same"}

Ask = Callable[[User], tuple[str, Any]]


def _payout(user: User) -> str:
    return str(ApiClient(user).post("/payouts", order()).body["payout_id"])


def _file(user: User) -> tuple[str, Any]:
    content = files.csv_of([(RECIPIENT, "1", uuid.uuid4().hex, "")])
    upload = receiving.receive(content, "a.csv", uploader=user)
    return f"/payouts/batch/upload/{upload.upload_id}/submit", {"sha256": upload.sha256}


def _webhook(user: User) -> str:
    return webhooks.register(user, url=HOOK, types=[]).webhook_id


def _told(path: str, facts: dict[str, Any], user: User) -> tuple[str, Any]:
    return path, {"event_id": f"evt-{uuid.uuid4()}", "occurred_at": "2026-01-31T12:00:05Z", **facts}


# For each POST that is kept: what is asked, made so that it can be asked once.
POSTS: dict[str, Ask] = {
    "/payouts": lambda user: ("/payouts", order()),
    "/payouts/batch": lambda user: ("/payouts/batch", {"payouts": [order(), order()]}),
    "/payouts/batch/upload/{upload_id}/submit": lambda user: _file(user),
    "/payouts/transactions/bulk": lambda user: ("/payouts/transactions/bulk", [_payout(user)]),
    "/payouts/{payout_id}/cancel": lambda user: (f"/payouts/{_payout(user)}/cancel", {}),
    "/webhooks": lambda user: ("/webhooks", {"url": HOOK}),
    "/webhooks/{webhook_id}/secret": lambda user: (f"/webhooks/{_webhook(user)}/secret", {}),
    "/webhooks/{webhook_id}/test": lambda user: (f"/webhooks/{_webhook(user)}/test", {}),
}
TOLD: dict[str, dict[str, Any]] = {
    "session-completed": {
        "session_id": "session-1", "node_id": "node-1", "started_at": "2026-01-31T11:00:00Z",
        "ended_at": "2026-01-31T12:00:00Z", "sessions_relayed": 12, "megabytes_relayed": "730.25",
    },
    "node-reputation": {"node_id": "node-1", "score": "0.9"},
    "node-registered": {"node_id": "node-1", "operator_id": "operator-1", "wallet_address": RECIPIENT},
    "node-deregistered": {"node_id": "node-1"},
}  # fmt: skip
for _kind, _facts in TOLD.items():
    POSTS[f"/events/{_kind}"] = functools.partial(_told, f"/events/{_kind}", _facts)
CREATES = ("/payouts", "/payouts/batch")


@pytest.fixture(autouse=True)
def webhooks_of_this_machine(settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = True


def everything_done() -> dict[str, Any]:
    """What a second run would change."""
    return {
        "payouts": sorted(Payout.objects.values_list("payout_id", "status")),
        "batches": PayoutBatch.objects.count(),
        "webhooks": sorted(WebhookEndpoint.objects.values_list("webhook_id", "secret_version")),
        "events": Event.objects.count(),
        "audit": AuditEntry.objects.count(),
        "told": WorkEvent.objects.count(),
        "kept": IdempotencyRecord.objects.count(),
    }


def test_every_post_but_those_for_tokens_is_in_the_table() -> None:
    found = {route.split()[1] for route in routes() if route.startswith("POST ")}
    # Tokens are kept nowhere; node operators alone post what tests/kyc/api has of its own; files are no JSON, and
    # tests/payouts/uploads sends them.
    ours = {path for path in found if not path.startswith(("/auth/", "/kyc/"))} - {"/payouts/batch/upload"}
    assert ours == set(POSTS)


@pytest.mark.parametrize("ask", POSTS.values(), ids=POSTS)
def test_the_same_request_is_done_once_and_answered_byte_for_byte(
    api: ApiClient, service: User, ask: Ask
) -> None:
    path, body = ask(service)
    first = api.post(path, body, headers=KEY)
    assert first.status in (200, 201), first.body
    before = everything_done()
    again = api.post(path, body, headers=KEY)
    assert (again.status, again.content) == (first.status, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    api.post(path, json.dumps(body) + " ", headers=KEY).refused(409, "LUCID_ERR_1003")
    assert everything_done() == before


@pytest.mark.parametrize("ask", POSTS.values(), ids=POSTS)
def test_a_key_older_than_thirty_days_is_refused_and_never_run_again(
    api: ApiClient, service: User, ask: Ask
) -> None:
    path, body = ask(service)
    assert api.post(path, body, headers=KEY).status in (200, 201)
    before = everything_done()
    clock.shift(timedelta(days=30, seconds=1))
    assert "first_id" in api.post(path, body, headers=KEY).refused(409, "LUCID_ERR_1003")
    assert everything_done() == before


def test_a_key_of_one_address_does_not_fit_another(api: ApiClient, service: User) -> None:
    asked = [ask(service) for ask in POSTS.values()]
    assert api.post(*asked[0], headers=KEY).status == 201
    before = everything_done()
    for path, body in asked[1:]:
        api.post(path, body, headers=KEY).refused(409, "LUCID_ERR_1003")
    assert everything_done() == before


@pytest.mark.parametrize("path", POSTS)
def test_a_refusal_is_not_kept(api: ApiClient, path: str) -> None:
    """The key is free again: nothing had happened."""
    nobodys = re.sub(r"{(payout|upload|webhook)_id}", r"\1_nobodys", path)
    refused = api.post(nobodys, {"nonsense": 1}, headers=KEY)
    assert refused.status in (400, 404)
    assert not IdempotencyRecord.objects.exists()
    assert api.post("/payouts", order(), headers=KEY).status == 201


@pytest.mark.parametrize("ask", POSTS.values(), ids=POSTS)
def test_a_client_that_must_send_keys_is_refused_without_one(api: ApiClient, service: User, ask: Ask) -> None:
    path, body = ask(service)
    User.objects.filter(pk=service.pk).update(needs_idempotency_key=True)
    before = everything_done()
    assert "Idempotency-Key" in api.post(path, body).refused(400, "LUCID_ERR_1002")
    assert everything_done() == before
    assert api.post(path, body, headers=KEY).status in (200, 201)


def test_a_client_that_must_give_references_is_told_which_payouts_lack_one(
    api: ApiClient, service: User
) -> None:
    User.objects.filter(pk=service.pk).update(needs_reference=True)
    assert "reference_id" in api.post("/payouts", order()).refused(400, "LUCID_ERR_1002")
    items = [order(reference_id="a"), order(), order(reference_id="b"), order()]
    details = api.post("/payouts/batch", {"payouts": items}).refused(400, "LUCID_ERR_1002")
    assert set(details["payouts"]) == {"1", "3"}
    assert not Payout.objects.exists()
    assert api.post("/payouts/batch", {"payouts": items[::2]}).status == 201


def test_a_reference_in_a_batch_is_used_once_for_ever(api: ApiClient) -> None:
    first = api.post("/payouts", order(reference_id="a")).body["payout_id"]
    details = api.post("/payouts/batch", {"payouts": [order(), order(reference_id="a")]})
    named = details.refused(409, "LUCID_ERR_2013")["payouts"]
    assert {index: item["details"]["payout_id"] for index, item in named.items()} == {"1": first}
    twice = api.post("/payouts/batch", {"payouts": [order(reference_id="b"), order(reference_id="b")]})
    assert set(twice.refused(400, "LUCID_ERR_1002")["payouts"]) == {"1"}
    assert Payout.objects.count() == 1


def test_a_payout_is_replaced_once_whether_in_a_batch_or_alone(
    api: ApiClient, service: User, make_user: MakeUser, make_payout: MakePayout
) -> None:
    failed, foreign = make_payout(service), make_payout(make_user())
    Payout.objects.update(status="cancelled")
    for wrong in (foreign.payout_id, "payout_nobodys"):
        answer = api.post("/payouts/batch", {"payouts": [order(), order(retry_of=wrong)]})
        assert set(answer.refused(400, "LUCID_ERR_1002")["payouts"]) == {"1"}
    again = order(retry_of=failed.payout_id)
    twice = api.post("/payouts/batch", {"payouts": [again, again]})
    assert set(twice.refused(400, "LUCID_ERR_1002")["payouts"]) == {"1"}
    assert api.post("/payouts/batch", {"payouts": [again]}).status == 201
    api.post("/payouts", again).refused(400, "LUCID_ERR_1002")
    assert Payout.objects.filter(retry_of=failed).count() == 1


# Killed


class Caller:
    """A client of the real web process; `None` is a connection that ended without an answer."""

    def __init__(self, base: str, user: User) -> None:
        self._where = urlsplit(base)
        self._headers = {
            "Authorization": f"Bearer {issue(AccessToken, user)}",
            "Content-Type": "application/json",
        }

    def post(self, path: str, body: Any, key: str) -> http.client.HTTPResponse | None:
        connection = http.client.HTTPConnection(str(self._where.netloc), timeout=30)
        headers = {**self._headers, "Idempotency-Key": key}
        try:
            connection.request("POST", self._where.path + path, json.dumps(body), headers)
            return connection.getresponse()
        except (ConnectionError, http.client.HTTPException):
            return None

    def insist(self, path: str, body: Any, key: str) -> tuple[int, bool]:
        """The answer's status once there is one, and whether it is a replay."""
        for _ in range(200):
            if (answer := self.post(path, body, key)) is not None and answer.status != 409:
                return answer.status, answer.headers["Idempotent-Replayed"] == "true"
            time.sleep(0.05)
        raise AssertionError("no answer")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_around_the_commit_has_done_all_or_nothing_and_its_repetition_the_rest(
    cloned_database: str, tmp_path: Path, moment: str
) -> None:
    """SIGKILL to the worker itself, once for each POST. `after`: all is committed, and the caller heard nothing."""
    service = User.objects.create_user("service", role="service")
    orders = tmp_path / "orders"
    orders.mkdir()
    log = tmp_path / "web.log"
    with web(log, FAULT_POINTS_FOLDER=str(orders), WEBHOOK_PRIVATE_TARGETS="true") as base:
        caller = Caller(base, service)
        for name, ask in POSTS.items():
            path, body = ask(service)
            before, key = everything_done(), f"{name} {uuid.uuid4()}"
            (orders / f"request.{moment}").write_text("die")
            assert caller.post(path, body, key) is None, (name, log.read_text())
            after = everything_done()
            assert (after == before) == (moment == "before"), name
            status, replayed = caller.insist(path, body, key)
            assert status in (200, 201), name
            assert replayed == (moment == "after"), name
            done = everything_done()
            assert (done == after) == (moment == "after"), name
            assert done["kept"] == before["kept"] + 1, name
