"""The API's description: made from the views without a warning, whole, valid, and the one that is committed."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

from lucid_payments.api import errors
from tests.api_client import BASE, ApiClient

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")

# contract.md, "Endpoints", as far as they are there.
CONTRACT = {
    "POST /payouts": 10,
    "GET /payouts": 30,
    "GET /payouts/{payout_id}": 60,
    "GET /payouts/{payout_id}/transaction": 60,
    "POST /payouts/transactions/bulk": 30,
    "POST /payouts/{payout_id}/cancel": 10,
    "POST /payouts/batch": 5,
    "GET /payouts/batch/{batch_id}": 30,
    "POST /payouts/batch/upload": 5,
    "GET /payouts/batch/upload/{upload_id}": 30,
    "GET /payouts/batch/upload/{upload_id}/file": 10,
    "POST /payouts/batch/upload/{upload_id}/submit": 5,
    "GET /distributions/{period}/proof": 30,
    "GET /limits": 30,
    "GET /stats": 20,
    "GET /recipients/me": 30,
    "PUT /recipients/me": 5,
    "GET /health": 120,
    "GET /health/live": 120,
    "GET /health/ready": 120,
    "GET /metrics": None,
    "POST /auth/token": 10,
    "POST /auth/token/refresh": 10,
    "POST /auth/token/revoke": 10,
    "POST /auth/key": 10,
    "GET /auth/jwks.json": 10,
    "GET /events": 60,
    "POST /events/session-completed": 600,
    "POST /events/node-reputation": 600,
    "POST /events/node-registered": 600,
    "POST /events/node-deregistered": 600,
    "GET /webhooks": 10,
    "POST /webhooks": 10,
    "DELETE /webhooks/{webhook_id}": 10,
    "POST /webhooks/{webhook_id}/test": 10,
    "POST /kyc/applications": 10,
    "GET /kyc/applications/{application_id}": 10,
    "POST /kyc/applications/{application_id}/documents": 10,
    "GET /schema": 60,
    "GET /docs": 60,
}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path.removeprefix(BASE)}", item[method]


def test_it_is_made_without_a_warning(made: dict[str, Any]) -> None:
    assert not GENERATOR_STATS, "manage.py spectacular says which"


def test_it_is_openapi_3(made: dict[str, Any]) -> None:
    assert made["openapi"].startswith("3.")
    validate_schema(made)  # type: ignore[no-untyped-call]


def test_the_committed_one_is_what_the_code_says(made: dict[str, Any]) -> None:
    rendered = OpenApiYamlRenderer().render(made, renderer_context={}).decode()  # type: ignore[no-untyped-call]
    assert COMMITTED.read_text() == rendered, (
        "docs/openapi.yaml is out of date: run `make openapi` and commit it"
    )


def test_every_endpoint_of_the_contract_is_in_it_with_its_limit(made: dict[str, Any]) -> None:
    limits = {name: operation.get("x-rate-limit", {}).get("requests") for name, operation in operations(made)}
    assert {name: limits.get(name, "missing") for name in CONTRACT} == CONTRACT


def test_every_address_under_the_prefix_is_in_it(made: dict[str, Any]) -> None:
    found = set(_addresses(get_resolver().url_patterns, ""))
    ours = {address for address in found if address.startswith(settings.API_PREFIX)}
    assert len(ours) > 20
    assert {f"/{address}" for address in ours} == set(made["paths"])


def _addresses(patterns: list[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


def test_every_operation_says_what_it_is(made: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(made)]
    assert len(set(names)) == len(names)
    for name, operation in operations(made):
        assert operation["summary"], name
        assert operation["tags"][0] in {tag["name"] for tag in made["tags"]}, name
        success = [status for status in operation["responses"] if status < "300"]
        assert len(success) == 1, name


def test_every_operation_that_asks_for_a_token_names_its_permission(made: dict[str, Any]) -> None:
    for name, operation in operations(made):
        asks = bool(operation.get("security"))
        assert asks == ("401" in operation["responses"]) or name.startswith("POST /auth"), name
        assert asks == ("x-permission" in operation), name


def test_what_a_blocked_caller_is_answered_is_in_it(made: dict[str, Any]) -> None:
    for name, operation in operations(made):
        public = name.startswith("GET ") and "security" not in operation
        assert ("403" in operation["responses"]) != public, name


def test_every_post_but_those_for_tokens_takes_an_idempotency_key(made: dict[str, Any]) -> None:
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    for name, operation in operations(made):
        expected = name.startswith("POST ") and not name.startswith("POST /auth")
        assert (key in operation["parameters"]) == expected, name
        assert ("IdempotencyConflict" in str(operation["responses"].get("409"))) == expected, name


def test_every_body_has_an_example_and_each_example_keeps_to_its_schema(made: dict[str, Any]) -> None:
    checked = 0
    for name, operation in operations(made):
        contents = [
            _resolved(made, response)["content"].items() for response in operation["responses"].values()
        ]
        contents += [operation["requestBody"]["content"].items()] if "requestBody" in operation else []
        for media_type, content in (item for items in contents for item in items):
            examples = [content["example"]] if "example" in content else []
            examples += [_resolved(made, found)["value"] for found in content.get("examples", {}).values()]
            assert examples, f"{name} {media_type}"
            for example in examples:
                jsonschema.validate(example, _json_schema(made, content["schema"]))
                checked += 1
    assert checked > 150


def test_every_error_that_a_request_can_be_answered_with_has_its_example(made: dict[str, Any]) -> None:
    shown = {example["value"]["error"]["code"] for example in made["components"]["examples"].values()}
    assert shown == {error.code for error in _every_error()}
    assert shown == set(
        made["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    )


def test_every_code_of_a_payouts_failure_is_named_and_shown(made: dict[str, Any]) -> None:
    named = made["components"]["schemas"]["FailureShown"]["properties"]["code"]["description"]
    assert {code for code in errors.FAILURE_MESSAGES if f"`{code}`" not in named} == set()
    answer = made["paths"][f"{BASE}/payouts/{{payout_id}}"]["get"]["responses"]["200"]
    examples = answer["content"]["application/json"]["examples"].values()
    shown = {example["value"]["failure"]["code"] for example in examples if example["value"]["failure"]}
    assert shown == {errors.TRANSACTION_FAILED, errors.REJECTED}


def _every_error() -> list[type[errors.LucidError]]:
    found = list(errors.LucidError.__subclasses__())
    return found + [below for error in found for below in error.__subclasses__()]


def test_it_is_served_to_everybody(db: None, made: dict[str, Any]) -> None:
    answer = ApiClient().get("/schema")
    assert answer.status == 200
    assert answer.body["paths"].keys() == made["paths"].keys()


def _resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _json_schema(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of OpenAPI 3.0 as JSON Schema, where null is a type, closed to fields that it doesn't name."""
    root = {"components": copy.deepcopy(document["components"]), **copy.deepcopy(schema)}
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.pop("nullable", False) is True:
                inner = dict(node)
                node.clear()
                node["anyOf"] = [inner, {"type": "null"}]
            elif node.get("type") == "object" and "properties" in node:
                node.setdefault("additionalProperties", False)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return root
