"""`GET /metrics`: for this machine alone, with every name of the contract, and true after what happened."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.api import metrics
from payouts.metrics import network_errors, network_latency, observe_node_call
from tests.api_client import ApiClient
from tests.payouts.admin import world

PATHS = ("/metrics", "/api/payment/metrics")
# contract.md, "Metrics": name, type, labels.
CONTRACT = {
    "tron_payment_requests_total": ("counter", {"router_type", "priority", "status"}),
    "tron_payout_amount_usdt_total": ("counter", {"router_type"}),
    "tron_payout_processing_duration_seconds": ("histogram", {"router_type", "status"}),
    "tron_circuit_breaker_open": ("gauge", {"scope"}),
    "tron_daily_limit_usage_usdt": ("gauge", set()),
    "tron_hourly_limit_usage_usdt": ("gauge", set()),
    "tron_pending_payouts_count": ("gauge", set()),
    "tron_confirmed_payouts_count": ("gauge", set()),
    "tron_failed_payouts_count": ("gauge", set()),
    "tron_network_latency_seconds": ("histogram", {"operation"}),
    "tron_network_errors_total": ("counter", {"operation"}),
    "tron_authentication_failures_total": ("counter", {"failure_type"}),
    "tron_rate_limit_violations_total": ("counter", {"endpoint"}),
}
TOKEN = "a token for tests alone"


def page(**asked: Any) -> str:
    answer = Client().get("/metrics", **asked)
    assert answer.status_code == 200
    return answer.content.decode()


def value(name: str, **labels: str) -> float:
    """One sample; 0 where there is none yet."""
    shown = ",".join(f'{label}="{text}"' for label, text in sorted(labels.items()))
    found = re.search(
        rf"^{re.escape(name + ('{' + shown + '}' if shown else ''))} (\S+)$", page(), re.MULTILINE
    )
    return float(found[1]) if found else 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", ""])
def test_this_machine_reads_it(db: None, path: str, peer: str) -> None:
    answer = Client().get(path, REMOTE_ADDR=peer)

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("peer", ["10.0.0.7", "203.0.113.9", "2001:db8::1", "nonsense"])
def test_to_others_there_is_no_such_page(db: None, path: str, peer: str) -> None:
    answer = Client().get(path, REMOTE_ADDR=peer)

    assert answer.status_code == 404
    assert b"tron_" not in answer.content
    if path.startswith("/api/"):
        assert answer.json()["error"]["code"] == "LUCID_ERR_1004"


@pytest.mark.parametrize("header", metrics.PASSED_ON)
@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_it_through_the_gateway_or_another_proxy(
    db: None, settings: Settings, path: str, header: str
) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get(path, headers={header: "anything", "Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 404


def test_no_token_of_the_api_opens_it(db: None) -> None:
    for role in ("admin", "auditor", "service"):
        caller = ApiClient(world.user(role))
        assert Client().get("/metrics", headers=caller.headers, REMOTE_ADDR="10.0.0.7").status_code == 404


def test_with_a_token_set_only_the_token_opens_it(db: None, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    for given in ("", "Bearer", "Bearer wrong", "Bearer ünsinn"):
        assert Client().get("/metrics", headers={"Authorization": given}).status_code == 404, given
    assert page(headers={"Authorization": f"Bearer {TOKEN}"}, REMOTE_ADDR="10.0.0.7")


@pytest.mark.parametrize("path", PATHS)
def test_it_is_for_reading(db: None, path: str) -> None:
    assert Client(enforce_csrf_checks=True).post(path).status_code == 405


def test_a_database_that_is_away_is_no_crash(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Iterator[None]:
        raise OperationalError("away")

    monkeypatch.setattr(metrics, "exposition", away)
    assert Client().get("/metrics").status_code == 503


@pytest.mark.parametrize("name", CONTRACT)
def test_every_name_of_the_contract_is_there_from_the_start(db: None, name: str) -> None:
    kind, labels = CONTRACT[name]
    told = page()

    # Prometheus's text form names a counter's family with its suffix.
    assert f"# TYPE {name} {kind}\n" in told
    for sample in re.findall(rf"^{name}(?:_bucket)?{{(.*)}} ", told, re.MULTILINE):
        assert set(re.findall(r"(\w+)=", sample)) - {"le"} == labels


def test_calls_to_nodes_are_timed_and_failures_counted(db: None) -> None:
    before = value("tron_network_latency_seconds_count", operation="wallet/test")
    observe_node_call("wallet/test", "node1", 0.3, "ok")
    observe_node_call("wallet/test", "node1", 4, "TIMEOUT")

    assert value("tron_network_latency_seconds_count", operation="wallet/test") == before + 2
    assert value("tron_network_errors_total", operation="wallet/test") >= 1
    network_latency.remove("wallet/test")
    network_errors.remove("wallet/test")


def test_refused_authentication_counts_by_its_kind(db: None) -> None:
    name = "tron_authentication_failures_total"
    kinds = ("missing_token", "invalid_token", "credentials", "back_office")
    before = {kind: value(name, failure_type=kind) for kind in kinds}

    ApiClient().get("/payouts").refused(401, "LUCID_ERR_1001")
    ApiClient().get("/payouts", {"Authorization": "Bearer x"}).refused(401, "LUCID_ERR_1001")
    ApiClient().get("/stats", {"Authorization": "Bearer x"}).refused(401, "LUCID_ERR_1001")
    ApiClient().post("/auth/token", {"username": "who", "password": "wrong"}).refused(401, "LUCID_ERR_1001")
    Client().post("/admin/login/", {"username": "who", "password": "wrong"})

    after = {kind: value(name, failure_type=kind) - before[kind] for kind in kinds}
    assert after == {"missing_token": 1, "invalid_token": 2, "credentials": 1, "back_office": 1}


def test_a_request_too_many_counts_by_its_endpoint(db: None, settings: Settings, user: User) -> None:
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    settings.OFFENCES_BEFORE_BLOCK = 1000
    name, endpoint = "tron_rate_limit_violations_total", "/payouts/{payout_id}"
    before = value(name, endpoint=endpoint)
    caller = ApiClient(user)
    # More than two minutes' worth: the minute may end between.
    refused = [caller.get("/payouts/payout_x").status for _ in range(125)].count(429)

    assert refused >= 1
    assert value(name, endpoint=endpoint) == before + refused


def test_nothing_that_a_caller_writes_becomes_a_label(db: None, settings: Settings, user: User) -> None:
    """Else a caller could fill the memory of every process and of Prometheus."""
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    written, caller = f"odd{uuid.uuid4().hex}", ApiClient(user)
    for name in ("router_type", "priority", "batch_type", "reason", written):
        caller.post(
            "/payouts", {"recipient_address": written, "amount_usdt": 1, "reason": "x", name: written}
        )
        caller.post("/payouts/batch", {"payouts": [{}], name: written})
    settings.RATE_LIMIT_FACTOR = 1
    for path in (f"/payouts/{written}", f"/{written}", f"/payouts/batch/{written}", f"/webhooks/{written}"):
        assert {caller.get(path, {"Authorization": f"Bearer {written}"}).status for _ in range(2)} <= {
            401,
            404,
        }
        for _ in range(70):
            caller.get(path)
    assert written not in page()


COUNT_ONE = """
import os, sys
from prometheus_client import Counter, Gauge
Counter("lucid_test_seen_total", "Seen").inc(int(sys.argv[1]))
Gauge("lucid_test_last", "Last", multiprocess_mode="mostrecent").set_to_current_time()
print(os.getpid())
"""


def test_folders_of_other_users_and_containers_are_added(
    db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name for name in ("web", "worker", "signer")]
    for number, folder in enumerate(folders, start=1):
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-c", COUNT_ONE, str(number)],
            env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
            check=True,
            capture_output=True,
        )
    # In containers every one is process 1, say.
    for folder in folders:
        for file in folder.iterdir():
            file.rename(folder / f"{file.stem.rsplit('_', 1)[0]}_1.db")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folders[0]))
    assert value("lucid_test_seen_total") == 1
    settings.METRICS_FOLDERS = [str(folder) for folder in folders]
    assert value("lucid_test_seen_total") == 6
    assert value("lucid_test_last") > 0
