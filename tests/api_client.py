"""A client of the API: one user's token, JSON in and out, the error shape asserted on every refusal."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from django.test import Client

from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, issue

BASE = "/api/payment"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


class Answer:
    """A response, its JSON read with exact numbers."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.content: bytes = response.content
        assert response.headers["Content-Type"] == "application/json", self.content[:200]
        self.body: Any = json.loads(self.content, parse_float=Decimal)

    def refused(self, status: int, code: str) -> dict[str, Any]:
        """The details of a refusal, which must be this one, in the contract's shape."""
        assert set(self.body) == {"error"}, self.body
        error = self.body["error"]
        assert (self.status, error["code"]) == (status, code), self.body
        assert set(error) == {"code", "message", "details", "request_id", "timestamp"}
        assert error["request_id"] == self.headers["X-Request-ID"]
        assert TIME.fullmatch(error["timestamp"])
        details: dict[str, Any] = error["details"]
        return details


class ApiClient:
    def __init__(self, user: User | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {issue(AccessToken, user)}"} if user else {}

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return Answer(self.client.get(BASE + path, headers={**self.headers, **(headers or {})}))

    def put(self, path: str, body: Any) -> Answer:
        """`body`: bytes or text as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes | str) else json.dumps(body)
        return Answer(
            self.client.put(BASE + path, raw, content_type="application/json", headers=self.headers)
        )

    def post(
        self,
        path: str,
        body: Any,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """`body`: bytes or text as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes | str) else json.dumps(body)
        return Answer(
            self.client.post(
                BASE + path, raw, content_type=content_type, headers={**self.headers, **(headers or {})}
            )
        )
