"""Schemathesis on the API as it is served, with the description that it serves: every operation, deterministically."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from django.test import Client
from schemathesis.engine import events, from_schema

from lucid_payments.api.openapi.refusals import CATALOGUE
from lucid_payments.wsgi import application
from tests.api_client import BASE
from tests.payouts.api.conftest import RECIPIENT

SEED = 20261122


@dataclass(frozen=True)
class Depth:
    """How much is tried: `examples` of each operation, and stateful `scenarios` of up to `steps` requests."""

    phases: tuple[str, ...]
    examples: int
    scenarios: int
    steps: int


@dataclass
class Found:
    """What a run found: failures by operation, each once, and how often each status was answered."""

    failures: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    requests: int = 0

    def report(self) -> str:
        return "\n\n".join(f"{name}\n{text}" for name, text in self.failures.items())


def run(token: str | None, depth: Depth) -> Found:
    """Every operation of the description, with this token or none."""
    schema = schemathesis.openapi.from_dict(_closed(served()), config=_config(token, depth))
    schema.app = _application
    schema.hook("map_body")(_make_sense)
    found = Found()
    for event in from_schema(schema).execute():
        _note(event, found)
    return found


def served() -> dict[str, Any]:
    """The description as a client gets it."""
    answer = Client().get(f"{BASE}/schema")
    document: dict[str, Any] = json.loads(answer.content)
    return document


def _config(token: str | None, depth: Depth) -> schemathesis.Config:
    phases: dict[str, dict[str, Any]] = {
        name: {"enabled": name in depth.phases} for name in ("examples", "coverage", "fuzzing", "stateful")
    }
    # A story goes on only from what was accepted.
    phases["stateful"] |= {
        "max-steps": depth.steps,
        "generation": {"mode": "positive", "max-examples": depth.scenarios},
    }
    return schemathesis.Config.from_dict(
        {
            "seed": SEED,
            # What one run has seen is no part of the next.
            "cache": {"enabled": False},
            "base-url": "http://localhost",
            "headers": {"Authorization": f"Bearer {token}"} if token else {},
            "phases": phases,
            "generation": {
                "deterministic": True,
                "max-examples": depth.examples,
                "no-shrink": True,
                "database": "none",
            },
            "continue-on-failure": True,
            "checks": {
                # What a body's schema can't say (check sums, limits, who may what) is refused all the same.
                "positive_data_acceptance": {"enabled": False},
                # It can't be asked of an application in this process; test_tokens.py asks it of every operation.
                "ignored_auth": {"enabled": False},
            },
        }
    )


@schemathesis.check
def the_error_is_described(ctx: Any, response: Any, case: Any) -> None:
    """A refusal's code is one that the operation names for this status, in the contract's shape."""
    if response.status_code < 400 or case.method.lower() not in ("get", "post", "put", "delete"):
        return
    error = response.json()["error"]
    assert error["request_id"] == response.headers["x-request-id"][0]
    described = case.operation.definition.raw["responses"].get(str(response.status_code))
    if described is None:
        # The method or the path was changed on purpose; `status_code_conformance` looks at the others.
        return
    names = _examples(described)
    codes = {refusal.error.code for refusal in CATALOGUE if refusal.name in names}
    assert error["code"] in codes, f"{error['code']} isn't one of {sorted(codes)} at {response.status_code}"


def _examples(response: dict[str, Any]) -> set[str]:
    if "$ref" in response:
        return {response["$ref"].rsplit("/", 1)[1]}
    return set(response["content"]["application/json"]["examples"])


def _application(environ: dict[str, Any], start_response: Any) -> Any:
    return application(environ, start_response)


def _make_sense(context: Any, body: Any) -> Any:
    """Of bodies that keep to their schema, some that can be accepted: chance makes no address and knows no limit."""
    orders = body.get("payouts", [body]) if isinstance(body, dict) else []
    for order in orders if isinstance(orders, list) else ():
        if isinstance(order, dict) and _looks_like_an_address(order.get("recipient_address")):
            order["recipient_address"] = RECIPIENT
            if isinstance(order.get("amount_usdt"), int | float) and order["amount_usdt"] < 5000:
                order["amount_usdt"] = 5.5
                order.pop("retry_of", None)
                order.pop("metadata", None)
                if order.get("router_type") == "PayoutRouterKYC":
                    order["router_type"] = None
    return body


def _looks_like_an_address(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 34 and value.startswith("T")


def _closed(document: dict[str, Any]) -> dict[str, Any]:
    """The same, where an answer may have no field that isn't described."""
    closed = copy.deepcopy(document)
    for schema in closed["components"]["schemas"].values():
        schema.setdefault("additionalProperties", False)
    return closed


def _note(event: Any, found: Found) -> None:
    if isinstance(event, events.NonFatalError):
        found.failures.setdefault(f"error in {event.label}", str(event.value))
    if isinstance(event, events.FatalError):
        raise event.exception
    if not isinstance(event, events.ScenarioFinished):
        return
    for case_id, interaction in event.recorder.interactions.items():
        found.requests += 1
        if interaction.response is not None:
            label = _name(event.recorder.cases[case_id].value.operation.label)
            found.statuses.setdefault(label, set()).add(interaction.response.status_code)
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                label = event.recorder.cases[case_id].value.operation.label
                text = f"{event.phase.value}: {failure.title}\n{failure.message}\n{check.failure_info.code_sample}"
                found.failures.setdefault(f"{label}: {check.name}", text[:2500])


def _name(label: str) -> str:
    return label.replace(f" {BASE}", " ")
