"""Every operation that asks for a token refuses those who show none of ours, before it looks at anything else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, RefreshToken, issue
from lucid_payments.api.openapi.document import document
from tests.api_client import BASE, Answer

UNKNOWN = {
    "payout_id": "payout_unknown",
    "batch_id": "batch_unknown",
    "upload_id": "upload_unknown",
    "period": "2001-01",
    "webhook_id": "wh_unknown",
    "application_id": f"kyc_{'0' * 32}",
}
METHODS = ("get", "post", "put", "delete")


def operations() -> Iterator[tuple[str, str, bool]]:
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path.format(**UNKNOWN), bool(item[method].get("security"))


PROTECTED = [(method, path) for method, path, protected in operations() if protected]
OPEN = [(method, path) for method, path, protected in operations() if not protected]


@pytest.fixture(autouse=True)
def own_rate_limits(settings: Settings) -> None:
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex


def send(method: str, path: str, headers: dict[str, str]) -> Any:
    return Client().generic(method.upper(), path, b"{", content_type="application/json", headers=headers)


@pytest.fixture
def bad_headers(db: None) -> list[dict[str, str]]:
    user = User.objects.create_user("somebody", role="admin")
    good = str(issue(AccessToken, user))
    gone = User.objects.create_user("gone", role="admin")
    ended = str(issue(AccessToken, gone))
    User.objects.filter(pk=gone.pk).update(is_active=False)
    tokens = ["", "nonsense", good[:-8] + "AAAAAAAA", str(issue(RefreshToken, user)), ended]
    return [{}, {"Authorization": good}, *({"Authorization": f"Bearer {token}"} for token in tokens)]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_good_token(bad_headers: list[dict[str, str]], method: str, path: str) -> None:
    for headers in bad_headers:
        answer = Answer(send(method, path, headers))
        assert answer.refused(401, "LUCID_ERR_1001") == {}, headers
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_what_is_open_is_meant_to_be() -> None:
    opened = {path.removeprefix(BASE) for _, path in OPEN}
    assert {path.split("/")[1] for path in opened} == {"auth", "health", "metrics", "schema", "docs"}
