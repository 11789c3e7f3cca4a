"""Other origins: the listed ones alone, with the contract's headers readable, on refusals too."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from tests.api_client import BASE

ORIGIN = "https://dashboard.example"
EXPOSED = {
    *("x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    *("x-ratelimit-retry-after", "retry-after", "idempotent-replayed"),
}


@pytest.fixture(autouse=True)
def listed(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]


@pytest.mark.parametrize("path", ["/health/live", "/payouts", "/nothing"])
def test_a_listed_origin_may_read_answers_and_refusals(db: None, path: str) -> None:
    response = Client().get(BASE + path, headers={"Origin": ORIGIN})
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = {name.strip().lower() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed == EXPOSED
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_a_preflight_allows_the_headers_a_client_sends(db: None) -> None:
    response = Client().options(
        f"{BASE}/payouts", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    )
    assert response.status_code == 200
    assert {"authorization", "content-type", "idempotency-key", "x-request-id"} <= {
        name.strip() for name in response.headers["Access-Control-Allow-Headers"].split(",")
    }


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://dashboard.example.evil.example"])
def test_another_origin_may_not(db: None, origin: str) -> None:
    response = Client().get(f"{BASE}/health/live", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_outside_the_api_no_origin_may(db: None) -> None:
    assert "Access-Control-Allow-Origin" not in Client().get("/admin/", headers={"Origin": ORIGIN}).headers


def test_by_default_no_origin_is_listed() -> None:
    from lucid_payments import env

    assert env.comma_list("NO_SUCH_SETTING", ()) == []
    source = (Path(__file__).resolve().parents[3] / "lucid_payments" / "settings.py").read_text()
    assert 'CORS_ALLOWED_ORIGINS = env.comma_list("CORS_ALLOWED_ORIGINS", ())' in source
    assert "CORS_ALLOW_ALL" not in source
    assert "CORS_ALLOWED_ORIGIN_REGEXES" not in source
