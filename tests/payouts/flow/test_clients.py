"""docs/clients.md: its clients as they stand on the page, against a live server, over Tor's kind of proxy too."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from lucid_payments.accounts import machine_keys
from lucid_payments.events import signatures, webhooks
from lucid_payments.events.models import WebhookEndpoint
from payouts.models import Payout
from tests.harness.socks import DOMAIN_NAME, Proxy, socks_proxy
from tests.payouts.flow.world import USDT, World
from tests.policies import administrators

PAGE = Path(__file__).resolve().parents[3] / "docs" / "clients.md"
ONION = "lucidpaymentsxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.onion"
LONGEST = 120


@dataclass(frozen=True)
class Language:
    """How one page's client is run; `check` is a program that tries its `verify_webhook` on each case of a file."""

    fence: str
    client: str
    program: str
    command: str
    check: str

    def write(self, folder: Path) -> None:
        client, program = blocks(self.fence)
        (folder / self.client).write_text(client)
        (folder / self.program).write_text(program)

    def run(self, folder: Path, program: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.command, program], cwd=folder, env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


PYTHON = Language(
    "python", "lucid_client.py", "pay.py", sys.executable,
    """
import json
from lucid_client import verify_webhook
for case in json.load(open("cases.json")):
    try:
        print(json.dumps(verify_webhook(case["secret"], case["headers"], case["body"].encode(), **case["more"])))
    except ValueError:
        print("refused")
""",
)  # fmt: skip
JAVASCRIPT = Language(
    "javascript", "lucid-client.mjs", "pay.mjs", "node",
    """
import { readFileSync } from "node:fs";
import { verifyWebhook } from "./lucid-client.mjs";
for (const { secret, headers, body, more } of JSON.parse(readFileSync("cases.json"))) {
  try { console.log(JSON.stringify(verifyWebhook(secret, headers, Buffer.from(body), more.tolerance))); }
  catch { console.log("refused"); }
}
""",
)  # fmt: skip
LANGUAGES = [
    pytest.param(PYTHON, id="python"),
    pytest.param(JAVASCRIPT, id="javascript", marks=pytest.mark.tronweb),
]


def blocks(fence: str) -> list[str]:
    return re.findall(rf"```{fence}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def key(committed_world: World, settings: Settings) -> str:
    """A machine's key of the world's service."""
    settings.RATE_LIMIT_FACTOR = 1000
    settings.RATELIMIT_CACHE_PREFIX = uuid.uuid4().hex
    first, second = administrators()
    made = machine_keys.create(
        committed_world.service, name="worker", scopes=["payment:create", "payment:read", "payment:list"],
        networks=[], days=1, created_by=first, confirmed_by=second, evidence={},
    )  # fmt: skip
    secret = machine_keys.make_secret(made, actor=first)
    assert secret
    return secret


def finish(world: World, process: subprocess.Popen[str]) -> list[str]:
    """Let the system go on until the program has ended; the words of its last line."""
    try:
        until(lambda: Payout.objects.exists() or process.poll() is not None)
        if Payout.objects.exists():
            world.settle()
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, out
    return out.strip().splitlines()[-1].split()


def until(happened: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_client_is_short(language: str) -> None:
    client, _ = blocks(language)
    assert len(client.splitlines()) <= LONGEST


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_started_twice_pays_once_and_tells_the_end(
    committed_world: World, key: str, live_server: LiveServer, tmp_path: Path, language: Language
) -> None:
    language.write(tmp_path)
    environment = {"LUCID_URL": f"{live_server.url}/api/payment", "LUCID_KEY": key}
    told = finish(committed_world, language.run(tmp_path, language.program, **environment))
    payout = Payout.objects.get()
    assert told == [payout.payout_id, "confirmed", payout.attempts.get().txid]
    again = finish(committed_world, language.run(tmp_path, language.program, **environment))
    assert again == told
    assert committed_world.paid() == {(payout.recipient_address, 5_500_000): 1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_over_a_socks_proxy_that_loses_answers_it_pays_once_and_looks_up_no_name(
    committed_world: World,
    key: str,
    live_server: LiveServer,
    tmp_path: Path,
    settings: Settings,
    language: Language,
) -> None:
    settings.ALLOWED_HOSTS = [ONION]
    language.write(tmp_path)
    where = urlsplit(live_server.url)
    with socks_proxy((str(where.hostname), int(where.port or 0))) as proxy:
        proxy.lose = [
            b"POST /api/payment/auth/key",
            *[b"POST /api/payment/payouts "] * 2,
            b"GET /api/payment/payouts/",
        ]
        told = finish(
            committed_world,
            language.run(
                tmp_path, language.program, LUCID_URL=f"http://{ONION}/api/payment", LUCID_KEY=key,
                LUCID_PROXY=proxy.address,
            ),
        )  # fmt: skip
    assert told[:2] == [Payout.objects.get().payout_id, "confirmed"]
    assert_asked_for_the_name_alone(proxy)
    assert list(committed_world.paid().values()) == [1]


def assert_asked_for_the_name_alone(proxy: Proxy) -> None:
    assert proxy.lose == []
    assert len(proxy.asked) > 4
    assert set(proxy.asked) == {(DOMAIN_NAME, ONION)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lost_memory_finds_the_first_payout_by_its_reference(
    committed_world: World, key: str, live_server: LiveServer, tmp_path: Path, language: Language
) -> None:
    """Whoever paid this invoice used another key, or none."""
    language.write(tmp_path)
    known = committed_world.create(5_500_000, reference_id="invoice-2026-117")
    environment = {"LUCID_URL": f"{live_server.url}/api/payment", "LUCID_KEY": key}
    assert (
        finish(committed_world, language.run(tmp_path, language.program, **environment))[0] == known.payout_id
    )
    assert Payout.objects.count() == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reference_used_for_something_else_is_an_error_and_pays_nothing(
    committed_world: World, key: str, live_server: LiveServer, tmp_path: Path, language: Language
) -> None:
    language.write(tmp_path)
    committed_world.create(7 * USDT, reference_id="invoice-2026-117")
    process = language.run(
        tmp_path, language.program, LUCID_URL=f"{live_server.url}/api/payment", LUCID_KEY=key
    )
    out, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "LUCID_ERR_2013" in out
    assert Payout.objects.count() == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_webhook_is_verified_and_nothing_else_is(
    db: None, tmp_path: Path, settings: Settings, language: Language
) -> None:
    settings.WEBHOOK_PRIVATE_TARGETS = True
    owner = administrators()[0]
    endpoint = webhooks.register(owner, url="http://127.0.0.1:1/hook", types=[])
    earlier = signatures.secret(endpoint)
    WebhookEndpoint.objects.update(secret_version=2, previous_until=timezone.now() + timedelta(hours=1))
    endpoint.refresh_from_db()
    event = {
        "id": "evt_1",
        "type": "payout.confirmed",
        "data": {"payout_id": "payout_1", "reference_id": "é"},
    }
    body, now = json.dumps(event, ensure_ascii=False), timezone.now()

    def case(**changes: object) -> dict[str, object]:
        headers = signatures.headers(endpoint, "evt_1", body.encode(), now)
        return {
            "secret": signatures.secret(endpoint),
            "headers": headers,
            "body": body,
            "more": {},
            **changes,
        }

    headers = signatures.headers(endpoint, "evt_1", body.encode(), now)
    old = signatures.headers(endpoint, "evt_1", body.encode(), now - timedelta(minutes=6))
    cases = [
        case(),
        case(secret=earlier),
        case(headers=old, more={"tolerance": 600}),
        case(headers=old),
        case(body=body.replace("confirmed", "cancelled")),
        case(secret=signatures.secret(endpoint, 3)),
        case(headers={**headers, "webhook-id": "evt_2"}),
        case(headers={**headers, "webhook-timestamp": str(int(now.timestamp()) + 1)}),
        case(headers={**headers, "webhook-signature": "v1, v2,x"}),
    ]
    language.write(tmp_path)
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    program = tmp_path / f"check.{language.program.split('.')[1]}"
    program.write_text(language.check)
    out, _ = language.run(tmp_path, program.name).communicate(timeout=30)
    lines = out.splitlines()
    assert [json.loads(line) for line in lines[:3]] == [event] * 3, out
    assert lines[3:] == ["refused"] * 6
