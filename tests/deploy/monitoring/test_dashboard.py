"""The dashboard: each panel's question, asked of a real Prometheus that scrapes the real demo, has an answer."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.monitoring.programs import answers, prometheus, query, wait_for
from tests.harness.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "deploy" / "monitoring"
GRAFANA = MONITORING / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "lucid-payments.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUESTIONS = {(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]}
# The demo has none: tests/deploy/gateway/test_figures.py asks a real one.
OF_THE_GATEWAY = re.compile("haproxy_|lucid:gateway_")
# The demo alone needs so long on two processors that others use, too.
PATIENCE = 240
ORDER = {"recipient_address": "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9", "amount_usdt": 5.5, "reason": "dashboard"}


def test_each_panel_has_a_name_a_place_and_a_question() -> None:
    source = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())
    (uid,) = [found["uid"] for found in source["datasources"]]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        assert panel["title"], panel
        assert panel["targets"], panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {uid}
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


def test_grafana_listens_where_its_onion_looks_and_calls_nobody() -> None:
    found = configparser.ConfigParser()
    found.read(GRAFANA / "grafana.ini")
    torrc = (ROOT / "deploy" / "tor" / "monitoring.conf").read_text()
    assert f"unix:{found['server']['socket']}" in torrc
    assert set(found["analytics"].values()) == {"false"}


def ask(port: int, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        sent = {"Content-Type": "application/json", **headers}
        connection.request("POST", f"/api/payment{path}", json.dumps(body), sent)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status < 300, told
        return told
    finally:
        connection.close()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[int]:
    """`make demo`'s own processes; yields the port."""
    port = free_port(also=(10, 11))
    (tmp_path / "last.json").write_text(
        '{"time": "2026-11-23T02:00:00Z", "archived_at": "2026-11-23T02:00:00Z"}'
    )
    mine = ("PATH", "HOME", "VENV", "VIRTUAL_ENV")
    environment = {
        **{name: os.environ[name] for name in mine if name in os.environ},
        "DEMO_DIR": str(tmp_path / "demo"),
        "DEMO_PORT": str(port),
        "DEMO_HISTORY_DAYS": "0",
        "DEVNET_BLOCK_SECONDS": "1",
        "BACKUP_STATE_FILE": str(tmp_path / "last.json"),
    }
    log = (tmp_path / "demo.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "lucid_payments.embedded", "start"],
        cwd=ROOT,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(lambda: process.poll() is not None or answers(port, "/api/payment/health/ready"), PATIENCE)
        assert process.poll() is None, (tmp_path / "demo.log").read_text()
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        log.close()


def ask_for_one(port: int, told: dict[str, Any]) -> None:
    service = told["users"]["service"]
    credentials = {name: service[name] for name in ("username", "password")}
    token = ask(port, "/auth/token", credentials, {})["access"]
    headers = {"Authorization": f"Bearer {token}"}
    ask(port, "/payouts", ORDER, {**headers, "Idempotency-Key": "dashboard"})


@pytest.mark.prometheus
@pytest.mark.prove
def test_each_panel_s_question_has_an_answer_from_the_demo(demo: int, tmp_path: Path) -> None:
    scraped = (MONITORING / "prometheus.yml").read_text().replace("127.0.0.1:9464", f"127.0.0.1:{demo}")
    scraped = scraped.replace("15s", "2s").replace("12s", "2s")
    (tmp_path / "prometheus.yml").write_text(
        scraped.replace("rules/*.yml", str(MONITORING / "rules" / "*.yml"))
    )
    questions = {(title, expr) for title, expr in QUESTIONS if not OF_THE_GATEWAY.search(expr)}
    assert len(questions) > 40
    with prometheus(tmp_path, tmp_path / "prometheus.yml") as port:
        wait_for(lambda: query(port, 'up{job="lucid-payments"} == 1'))
        ask_for_one(demo, json.loads((tmp_path / "demo" / "demo.json").read_text()))
        wait_for(lambda: query(port, "tron_confirmed_payouts_count > 0"), PATIENCE)
        # A rate needs readings before and after something has happened, and what is recorded one more.
        for _ in range(5):
            assert answers(demo, "/api/payment/health/live")
            time.sleep(2)
        unanswered = {(title, expr) for title, expr in questions if not query(port, expr)}
        firing = {found["metric"]["alertname"] for found in query(port, 'ALERTS{alertstate="firing"}')}
    assert unanswered == set()
    assert "Watchdog" in firing
    assert "ServiceDown" not in firing
