"""One shape for every refusal, a request id on every answer, and HTML never."""

from __future__ import annotations

import re
from typing import Any

import pytest
import structlog
from django.db import connection
from django.test import Client
from pytest_django import Settings
from rest_framework.response import Response

from lucid_payments.accounts.models import User
from lucid_payments.api import errors, health
from lucid_payments.backoffice.security import ContentSecurityPolicyMiddleware
from tests.api_client import BASE, Answer, ApiClient


@pytest.mark.parametrize(
    "path", ["/nothing", "", "/", "/payouts/", "/payouts/a/b", "/../admin", "/auth/token/x", "/%00"]
)
def test_an_unknown_path(db: None, path: str) -> None:
    answer = ApiClient().get(path)
    answer.refused(404, "LUCID_ERR_1004")


@pytest.mark.parametrize("debug", [True, False])
def test_debugging_changes_no_answer(db: None, settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    ApiClient().get("/nothing").refused(404, "LUCID_ERR_1004")


def test_a_method_that_is_not_served(db: None) -> None:
    answer = Answer(Client().delete(f"{BASE}/health"))
    answer.refused(405, "LUCID_ERR_1004")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_an_answer_in_another_format_than_json(user: User) -> None:
    ApiClient(user).get("/payouts", headers={"Accept": "text/html"}).refused(406, "LUCID_ERR_1004")


def test_a_host_that_is_not_ours(db: None) -> None:
    ApiClient().get("/health/live", headers={"Host": "evil.example"}).refused(400, "LUCID_ERR_1002")


@pytest.mark.parametrize("debug", [True, False])
def test_a_failure_of_ours_says_nothing_about_itself(
    db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings, debug: bool
) -> None:
    settings.DEBUG = debug

    def fail(*args: Any) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(health.LiveView, "get", fail)
    answer = ApiClient().get("/health/live")
    assert answer.refused(500, "LUCID_ERR_1005") == {}
    assert b"hunter2" not in answer.content
    assert b"Traceback" not in answer.content


def test_a_failure_in_a_middleware_has_the_shape_too(user: User, monkeypatch: pytest.MonkeyPatch) -> None:

    def fail(*args: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(ContentSecurityPolicyMiddleware, "__call__", fail)
    answer = ApiClient().get("/health/live")
    answer.refused(500, "LUCID_ERR_1005")
    assert b"hunter2" not in answer.content


def test_without_its_database_the_service_asks_to_come_again(
    cloned_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ApiClient(User.objects.create_user("somebody"))
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    answer = client.get("/payouts")
    answer.refused(503, "LUCID_ERR_1005")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 64])
def test_the_callers_request_id_is_kept_where_it_is_well_formed(db: None, given: str) -> None:
    assert ApiClient().get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "<script>", "é", "a;b"])
def test_another_request_id_is_replaced(db: None, given: str) -> None:
    answer = ApiClient().get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_every_line_logged_for_a_request_carries_its_id(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[dict[str, Any]] = []

    def look(*args: Any) -> Response:
        bound.append(structlog.contextvars.get_contextvars())
        return Response({})

    monkeypatch.setattr(health.LiveView, "get", look)
    ApiClient().get("/health/live", headers={"X-Request-ID": "abc"})
    assert bound == [{"request_id": "abc"}]
    assert structlog.contextvars.get_contextvars() == {}


def every_error() -> list[type[errors.LucidError]]:
    found = list(errors.LucidError.__subclasses__())
    return found + [below for error in found for below in error.__subclasses__()]


def test_the_catalogue_is_the_contracts() -> None:
    catalogue = {
        (error.code, error.status, error.message) for error in every_error() if error is not errors.HttpError
    }
    assert catalogue == {
        ("LUCID_ERR_1001", 401, "Missing or invalid JWT token"),
        ("LUCID_ERR_1002", 400, "Invalid request"),
        ("LUCID_ERR_1003", 409, "Idempotency key reused with another body"),
        ("LUCID_ERR_1005", 500, "Internal error"),
        ("LUCID_ERR_1005", 503, "Internal error"),
        ("LUCID_ERR_2001", 400, "Invalid TRON address format"),
        ("LUCID_ERR_2002", 400, "Amount exceeds daily limit"),
        ("LUCID_ERR_2003", 400, "Circuit breaker open"),
        ("LUCID_ERR_2004", 400, "Invalid router type"),
        ("LUCID_ERR_2005", 404, "Payout not found"),
        ("LUCID_ERR_2009", 429, "Rate limit exceeded"),
        ("LUCID_ERR_2010", 403, "Insufficient permissions"),
        ("LUCID_ERR_2011", 409, "Payout can't be cancelled"),
        ("LUCID_ERR_2012", 403, "Recipient not accepted"),
        ("LUCID_ERR_2013", 409, "Reference already used"),
        # Ours beside the contract's: an application that was handed in stands as it is.
        ("LUCID_ERR_2015", 409, "Application can't be changed now"),
    }
    assert errors.HttpError(415).code == "LUCID_ERR_1004"
    assert errors.HttpError(405).message == "Method Not Allowed"
    assert errors.FAILURE_MESSAGES == {
        "LUCID_ERR_2006": "TRON network error",
        "LUCID_ERR_2007": "Insufficient balance",
        "LUCID_ERR_2008": "Transaction failed",
        "LUCID_ERR_2014": "Rejected by an approver",
    }
