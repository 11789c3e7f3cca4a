"""A body in chunks, as the server hands it on: without a length, and ending by itself."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory

from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue
from lucid_payments.wsgi import application
from payouts.models import Payout
from tests.api_client import BASE
from tests.payouts.api.conftest import order


def send(user: User, body: bytes, **changes: Any) -> tuple[int, Any]:
    environ = RequestFactory().post(f"{BASE}/payouts", content_type="application/json").environ
    del environ["CONTENT_LENGTH"]
    environ |= {
        "HTTP_AUTHORIZATION": f"Bearer {issue(AccessToken, user)}",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        **changes,
    }
    status: list[str] = []
    answer = b"".join(application(environ, lambda line, headers: status.append(line)))
    return int(status[0].split()[0]), json.loads(answer)


@pytest.fixture
def user(cloned_database: str) -> User:
    return User.objects.create_user("somebody", role="service")


def test_a_chunked_order_is_an_order(user: User) -> None:
    assert send(user, json.dumps(order()).encode())[0] == 201
    assert Payout.objects.count() == 1


def test_a_chunked_body_that_is_too_long_is_refused_as_such(user: User) -> None:
    status, body = send(user, b"[" * 2_000_000)
    assert (status, body["error"]["code"]) == (413, "LUCID_ERR_1004")


def test_a_server_that_does_not_end_the_stream_is_not_read_from(user: User) -> None:
    status, body = send(user, json.dumps(order()).encode(), **{"wsgi.input_terminated": False})
    assert (status, body["error"]["code"]) == (400, "LUCID_ERR_1002")
    assert not Payout.objects.exists()
