"""What a real web process logs: each line with its request, user and payout, and nothing told in confidence."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests
from structlog import contextvars

from lucid_payments import log_context
from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, RefreshToken, issue
from lucid_payments.celery import CARRIED, leave_behind, send_along, take_along
from payouts.manager import PayoutManager
from payouts.order import PayoutOrder
from payouts.tasks import release
from tests.harness.web import web
from tests.payouts.api.conftest import RECIPIENT, order


def canary(kind: str) -> str:
    return f"canary{kind}{uuid.uuid4().hex}"


def test_no_secret_token_name_or_text_of_a_request_is_in_any_log(
    cloned_database: str, tmp_path: Path
) -> None:
    planted = {
        kind: canary(kind)
        for kind in (
            "password",
            "typed",
            "key",
            "bearer",
            "name",
            "reason",
            "custom",
            "url",
            "query",
            "broken",
            "idem",
        )
    }
    user = User.objects.create_user("service", role="service", password=planted["password"])
    known = PayoutManager.create(
        creator=user,
        order=PayoutOrder(recipient_address=RECIPIENT, amount=1_000_000, reason=planted["reason"]),
    )
    access, refresh = str(issue(AccessToken, user)), str(issue(RefreshToken, user))
    log, orders = tmp_path / "web.log", tmp_path / "orders"
    orders.mkdir()
    with web(log, LOG_LEVEL="DEBUG", FAULT_POINTS_FOLDER=str(orders)) as base:

        def post(path: str, body: Any, token: str = access, **headers: str) -> requests.Response:
            raw = body if isinstance(body, str) else json.dumps(body)
            named = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
            return requests.post(base + path, raw, headers=named, timeout=30)

        private = order(reason=planted["reason"], custom_data={"name": planted["custom"], planted["name"]: 1})
        assert (
            post("/auth/token", {"username": "service", "password": planted["password"]}).status_code == 200
        )
        assert (
            post("/auth/token", {"username": planted["typed"], "password": planted["typed"]}).status_code
            == 401
        )
        assert post("/auth/key", {"key": "lucid_" + planted["key"]}).status_code == 401
        assert post("/auth/token/refresh", {"refresh": refresh}).status_code == 401
        assert post("/payouts", private, planted["bearer"]).status_code == 401
        assert post("/payouts", private, **{"Idempotency-Key": planted["idem"]}).status_code == 201
        assert post("/payouts", '{"reason": "' + planted["broken"]).status_code == 400
        assert post("/payouts", {**private, planted["name"]: 1}).status_code == 400
        assert post("/webhooks", {"url": f"https://{planted['url']}@127.0.0.1/"}).status_code == 400
        named = {"Authorization": f"Bearer {access}"}
        requests.get(f"{base}/payouts?cursor={planted['query']}", headers=named, timeout=30)
        # An error that no code expects, with its traceback: before the commit, with all of it in memory.
        (orders / "create.before").write_text("raise")
        failed = post("/payouts", private, **{"X-Request-ID": "the-one-that-failed"})
        assert failed.status_code == 500
        (orders / "cancel.before").write_text("raise")
        assert post(f"/payouts/{known.payout_id}/cancel", {"reason": planted["reason"]}).status_code == 500
    told = log.read_text()
    assert "the-one-that-failed" in told
    assert "Fault: create.before" in told
    about = [line for line in told.splitlines() if known.payout_id in line]
    assert any(str(user.public_id) in line for line in about)
    assert [kind for kind, text in planted.items() if text in told] == []
    assert [token for token in (access, refresh) if token in told or token.split(".")[2] in told] == []


def test_a_task_says_which_request_woke_it_and_the_next_one_does_not() -> None:
    headers: dict[str, Any] = {}
    with log_context.of_one({"request_id": "req-1"}):
        log_context.know(user="u-1", payout_id="payout_1")
        send_along(headers=headers)
    assert headers == {CARRIED: {"request_id": "req-1", "user": "u-1", "payout_id": "payout_1"}}
    assert contextvars.get_contextvars() == {}
    woken: dict[str, str] = headers[CARRIED]
    for carried in (woken, dict[str, str]()):
        release.push_request(**{CARRIED: carried})
        take_along(task=release)
        assert contextvars.get_contextvars() == carried
        leave_behind(task=release)
        release.pop_request()
        assert contextvars.get_contextvars() == {}


@pytest.mark.parametrize("asked", ["payout_1", None])
def test_a_context_that_ends_leaves_nothing(asked: str | None) -> None:
    with log_context.of_one({"payout_id": asked}):
        assert log_context.carried() == ({"payout_id": asked} if asked else {})
    assert log_context.carried() == {}
