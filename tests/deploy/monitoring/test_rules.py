"""The rules for alarms: each one fires when it should and not before, has a page, and asks for what there is."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lucid_payments.api import metrics
from payouts import cases, lookout, runway

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "deploy" / "monitoring"
RUNBOOKS = ROOT / "docs" / "runbooks"
# The contract's, with its severities.
CONTRACT = {
    "CircuitBreakerOpen": "critical",
    "HighFailureRate": "critical",
    "DailyLimitExceeded": "critical",
    "HighPendingPayouts": "warning",
    "SlowPayoutProcessing": "warning",
    "HighTRONNetworkLatency": "warning",
    "HighAuthenticationFailures": "warning",
    "HighRateLimitViolations": "warning",
    "ServiceDown": "critical",
    "HighMemoryUsage": "warning",
    "HighCPUUsage": "warning",
}
NAME = re.compile(r"\b((?:tron|lucid|django|haproxy)_[a-z_]+|lucid:[a-z_:]+[0-9a-z_]*)\b")


@cache
def rules() -> list[dict[str, Any]]:
    return [
        rule
        for file in sorted((MONITORING / "rules").glob("*.yml"))
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def names() -> set[str]:
    return {rule["alert"] for rule in alerts()}


def checked(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=MONITORING, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.prometheus
def test_the_files_are_what_the_programs_take() -> None:
    checked("promtool", "check", "config", "prometheus.yml")
    checked("amtool", "check-config", "alertmanager.yml")


@pytest.mark.prometheus
def test_each_alert_fires_in_time_and_a_healthy_system_is_quiet() -> None:
    tests = sorted((MONITORING / "tests").glob("*.yml"))
    assert len(tests) == 8
    checked("promtool", "test", "rules", *tests)


def test_each_alert_of_each_severity_has_a_test_that_fires_it() -> None:
    fired = set()
    for file in (MONITORING / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for asked in test["promql_expr_test"]:
                found = re.search(r'alertname="(\w+)", severity="(\w+)", alertstate="firing"', asked["expr"])
                if found and asked["exp_samples"]:
                    fired.add((found[1], found[2]))
    assert fired == {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}


def test_the_contract_s_alerts_are_there_under_their_names() -> None:
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in alerts()}
    assert {name: severities.get(name) for name in CONTRACT} == CONTRACT


def test_each_alert_says_what_it_is_and_where_its_page_is() -> None:
    for rule in alerts():
        name, told = rule["alert"], rule["annotations"]
        assert told["runbook_url"] == f"docs/runbooks/{name}.md", name
        assert told["summary"], name
        assert told["description"].endswith("."), name


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    assert {file.stem for file in RUNBOOKS.glob("*.md")} == names()
    for file in RUNBOOKS.glob("*.md"):
        text = file.read_text()
        assert text.startswith(f"# {file.stem}\n"), file
        headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
        expected = ["What it means", "What to look at", "What to do", "When to wake someone"]
        assert headings == expected, file
        for linked in re.findall(r"\]\((\w+\.md)\)", text):
            assert (RUNBOOKS / linked).is_file(), (file, linked)


def test_every_alarm_of_the_back_office_stands_on_the_page_of_alarms() -> None:
    """A word in the code that nobody could look up is an alarm for nobody."""
    kinds = {kind for kind, _ in cases.ALARMS.values()} | lookout._KINDS | {runway.HOT, runway.LOW}
    for file in (ROOT / "payouts").rglob("*.py"):
        if "raise_alarm(" in (text := file.read_text()):
            kinds |= set(re.findall(r'^\w*ALARM(?:: Final(?:\[str\])?)? = "(\w+)"', text, re.MULTILINE))
            kinds |= set(re.findall(r'raise_alarm\(\s*"(\w+)"', text))
    assert {"orphan_paid", "stats_differ", "signer_locked", "heartbeat_unsent", "nodes"} <= kinds
    page = (RUNBOOKS / "BackOfficeAlarm.md").read_text()
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()


def test_the_rules_ask_for_names_that_there_are(db: None) -> None:
    there = set(re.findall(r"^# TYPE (\S+)", metrics.exposition().decode(), re.MULTILINE))
    page = (ROOT / "docs" / "metrics.md").read_text()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        for name in NAME.findall(re.sub(r'"[^"]*"', "", rule["expr"])):
            base = re.sub(r"_(bucket|count|sum)$", "", name)
            known = name in recorded or {name, base} & there or f"`{name}" in page or f"`{base}" in page
            assert known or name.startswith("django_http_responses_"), (rule, name)


def test_what_an_operator_fills_in_is_all_there_is_to_fill_in() -> None:
    found = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
    urls = [hook["url"] for receiver in found["receivers"] for hook in receiver["webhook_configs"]]
    assert [url for url in urls if "fill-in-your-receiver.onion" not in url] == []
    assert found["global"]["http_config"]["proxy_url"].startswith("socks5://127.0.0.1:")
