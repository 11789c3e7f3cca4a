"""From a figure to a person: a real Prometheus, the rules, a real Alertmanager, and a receiver behind a SOCKS port."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.monitoring.programs import answers, prometheus, running, wait_for
from tests.harness.ports import free_port
from tests.harness.socks import DOMAIN_NAME, socks_proxy

pytestmark = pytest.mark.prometheus
MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
FIGURES = b'tron_signer_locked 1\nlucid_disk_used_ratio{path="/"} 0.95\ntron_treasury_runway_hours{asset="usdt"} 3\n'


@dataclass
class Peer:
    """The web that is scraped, and whoever is told."""

    port: int = 0
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def alerts(self, path: str) -> dict[str, dict[str, Any]]:
        return {
            alert["labels"]["alertname"]: alert
            for told_path, body in self.told
            if told_path == path
            for alert in body["alerts"]
        }


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    found = Peer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(FIGURES)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append((self.path, json.loads(body)))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def sooner(rules: Path, folder: Path) -> None:
    """The rules as they are, but without their patience."""
    folder.mkdir()
    for file in rules.glob("*.yml"):
        lines = [line for line in file.read_text().splitlines() if not line.strip().startswith("for:")]
        (folder / file.name).write_text("\n".join(lines) + "\n")


def test_alarms_reach_their_receivers_through_tor_with_the_page_to_open(tmp_path: Path, peer: Peer) -> None:
    alertmanager = free_port()
    sooner(MONITORING / "rules", tmp_path / "rules")
    scraped = (MONITORING / "prometheus.yml").read_text()
    for ours, theirs in (("9464", peer.port), ("9093", alertmanager)):
        scraped = scraped.replace(f"127.0.0.1:{ours}", f"127.0.0.1:{theirs}")
    (tmp_path / "prometheus.yml").write_text(scraped.replace("15s", "1s").replace("12s", "1s"))
    with socks_proxy(("127.0.0.1", peer.port)) as proxy:
        config = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
        config["global"]["http_config"]["proxy_url"] = f"socks5://{proxy.address}"
        for route in (config["route"], *config["route"]["routes"]):
            route["group_wait"] = "500ms"
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
        command = [
            "prometheus-alertmanager",
            f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path / 'alerts'}",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
        ]
        people, dead_man = "/a-long-random-path", "/another-long-random-path"
        wanted = {"SignerLocked", "DiskFull", "TreasuryUsdtRunsOut"}
        with (
            running(*command, log=tmp_path / "am.log", ready=lambda: answers(alertmanager, "/-/ready")),
            # What fires at once may find no Alertmanager yet, and is told again after a minute.
            prometheus(tmp_path, tmp_path / "prometheus.yml", "--rules.alert.resend-delay=1s"),
        ):
            wait_for(lambda: wanted <= peer.alerts(people).keys() and peer.alerts(dead_man))

    locked, disk = peer.alerts(people)["SignerLocked"], peer.alerts(people)["DiskFull"]
    assert locked["labels"]["severity"] == "critical"
    assert locked["annotations"]["runbook_url"] == "docs/runbooks/SignerLocked.md"
    assert disk["annotations"]["summary"] == "/ is full to 95%"
    assert peer.alerts(people)["TreasuryUsdtRunsOut"]["annotations"]["summary"] == "USDT for 3 hours"
    assert peer.alerts(dead_man).keys() == {"Watchdog"}
    assert set(proxy.asked) == {(DOMAIN_NAME, "fill-in-your-receiver.onion")}, "it never resolved the name"
