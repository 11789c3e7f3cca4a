"""Logs: one JSON object a line, with every secret masked and every transaction id kept."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.test import Client

from lucid_payments.logs import MASK, configuration, is_process, mask_secrets

REPOSITORY = Path(__file__).resolve().parents[2]

TXID = "ab" * 32
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def logged(script: str) -> dict[str, Any]:
    """The one line that `script` writes to standard error, with logs as in production."""
    prepare = (
        "import logging.config; from lucid_payments.logs import configuration\n"
        "logging.config.dictConfig(configuration('INFO', as_json=True))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", prepare + script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    (line,) = done.stderr.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_is_a_json_object_with_its_facts() -> None:
    found = logged(
        f"logging.getLogger('payouts.sending').info('sent %s', 'payout_1', extra={{'txid': '{TXID}'}})"
    )
    assert (found["event"], found["txid"], found["level"]) == ("sent payout_1", TXID, "info")
    assert found["logger"] == "payouts.sending"
    assert found["timestamp"].endswith("Z")


def test_djangos_own_records_come_once() -> None:
    assert logged("logging.getLogger('django.request').error('Not Found')")["event"] == "Not Found"


@pytest.mark.parametrize("name", ["celery.app.trace", "celery.beat", "celery.worker.strategy"])
def test_of_tasks_only_failures_are_told(name: str) -> None:
    """Each line of these is one of several a second, day and night."""
    script = f"logging.getLogger('{name}').info('done')\nlogging.getLogger('{name}').error('failed')"
    assert logged(script)["event"] == "failed"


def test_djangos_word_of_a_refused_request_names_the_request_and_not_its_query(db: None) -> None:
    """It comes when the request's own context has ended."""
    written = io.StringIO()
    shape = configuration("INFO", as_json=True)["formatters"]["structured"]
    handler = logging.StreamHandler(written)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        processors=shape["processors"], foreign_pre_chain=shape["foreign_pre_chain"]
    ))  # fmt: skip
    logging.getLogger("django.request").addHandler(handler)
    try:
        Client().get("/api/payment/nowhere?password=hunter2", headers={"X-Request-ID": "req_one"})
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    line = json.loads(written.getvalue())
    assert (line["request_id"], line["level"]) == ("req_one", "warning")
    assert "hunter2" not in written.getvalue()


@pytest.mark.parametrize(
    ("program", "is_log"),
    [
        ("/opt/lucid/.venv/lib/python3.11/site-packages/gunicorn/__main__.py", True),
        ("/opt/lucid/.venv/lib/python3.11/site-packages/celery/__main__.py", True),
        ("/opt/lucid/.venv/bin/celery", True),
        ("manage.py", False),
        ("/opt/celery-files/manage.py", False),
        ("", False),
    ],
)
def test_standard_output_is_the_log_of_processes_alone(program: str, is_log: bool) -> None:
    assert is_process(program) == is_log
    handler = configuration("INFO", as_json=True, to_stdout=is_process(program))["handlers"]["log"]
    assert ("stdout" in handler["stream"]) == is_log


def test_a_traceback_stays_in_its_line_and_is_masked_too() -> None:
    script = f"try: raise ValueError('refused {TOKEN}')\nexcept ValueError: logging.exception('it failed')"
    found = logged(script)
    assert "ValueError: refused ***" in found["exception"]
    assert TOKEN not in found["exception"]


@pytest.mark.parametrize(
    "name", ["password", "API_KEY", "private_key", "Authorization", "totp_secret", "refresh_token", "Cookie"]
)
def test_a_secrets_name_masks_its_value(name: str) -> None:
    assert mask_secrets(None, "info", {"event": "x", name: "hunter2"})[name] == MASK
    assert mask_secrets(None, "info", {"event": "x", "body": [{name: "hunter2"}]})["body"] == [{name: MASK}]


@pytest.mark.parametrize(
    "text",
    [
        f"token {TOKEN} refused",
        "Authorization: Bearer hunter2.hunter2",
        "connecting to redis://:hunter2@broker:6379/0",
        "postgresql://lucid_app:hunter2@db/lucid is away",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secrets_shape_masks_it_wherever_it_stands(text: str) -> None:
    masked = mask_secrets(None, "info", {"event": text})["event"]
    assert MASK in masked
    assert "hunter2" not in masked
    assert TOKEN not in masked


def test_what_is_public_is_kept() -> None:
    event = {
        "event": "confirmed",
        "txid": TXID,
        "url": "https://node.example:443/wallet",
        "amount": 5_500_000,
    }
    assert mask_secrets(None, "info", dict(event)) == event
