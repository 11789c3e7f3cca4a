"""deploy/tor: what tor itself says of its configuration, and that no start leaves a fenced service public."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from lucid_payments.onion import client_keys, services
from tests.deploy.tor.installation import DEPLOY, lay_out


def fence(folder: Path) -> None:
    subprocess.run([str(DEPLOY / "start"), "--fence-only", str(folder / "state")], check=True)


@pytest.mark.tor
@pytest.mark.parametrize(
    "files",
    [(), ("monitoring.conf",), ("monitoring-containers.conf",)],
    ids=["alone", "with monitoring", "with monitoring in containers"],
)
def test_tor_finds_nothing_to_say_about_the_configuration(tmp_path: Path, files: tuple[str, ...]) -> None:
    torrc = lay_out(tmp_path, *files)
    fence(tmp_path)
    done = subprocess.run(
        ["tor", "--defaults-torrc", "/dev/null", "-f", str(torrc), "--verify-config"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = [line for line in done.stdout.splitlines() if "[warn]" in line and "as root" not in line]
    assert (done.returncode, told) == (0, []), done.stdout


def test_nothing_of_ours_listens_on_a_port_of_the_application() -> None:
    """Services are sockets, the way out is a socket; what stays is tor's own metrics, on loopback."""
    text = (DEPLOY / "torrc").read_text()
    assert re.findall(r"^HiddenServicePort 80 (\S+)", text, re.MULTILINE) == [
        "unix:/run/lucid/gateway/api.sock",
        "unix:/run/lucid/gateway/admin.sock",
    ]
    assert re.findall(r"^SocksPort (\S+)", text, re.MULTILINE) == ["unix:/run/lucid/tor/socks.sock"]
    assert re.findall(r"^([A-Z][a-z]+Port) (\d\S*)", text, re.MULTILINE) == [
        ("MetricsPort", "127.0.0.1:9035")
    ]
    assert not re.search(
        r"^(ControlPort|ORPort|DirPort|TransPort|DNSPort|HTTPTunnelPort)\b", text, re.MULTILINE
    )


@pytest.mark.parametrize("monitoring", ["monitoring.conf", "monitoring-containers.conf"])
def test_every_service_but_the_apis_is_fenced_by_the_start_and_by_the_command(monitoring: str) -> None:
    text = (DEPLOY / "torrc").read_text() + (DEPLOY / monitoring).read_text()
    folders = re.findall(r"^HiddenServiceDir /var/lib/lucid/tor/(\w+)$", text, re.MULTILINE)
    assert folders == list(services.NAMES)
    found = re.search(r"^for service in (.+); do$", (DEPLOY / "start").read_text(), re.MULTILINE)
    assert found
    assert tuple(found[1].split()) == services.FENCED


def test_a_start_fences_what_has_no_client_and_keeps_the_clients_there_are(tmp_path: Path) -> None:
    fence(tmp_path)
    clients = tmp_path / "state" / "admin" / "authorized_clients"
    dummy = (clients / "dummy.auth").read_text()
    assert client_keys.PUBLIC_LINE.fullmatch(dummy.strip())
    assert oct(clients.stat().st_mode & 0o777) == "0o700"
    (clients / "ann.auth").write_text("descriptor:x25519:" + "A" * 52 + "\n")
    fence(tmp_path)
    assert (clients / "dummy.auth").read_text() == dummy
    # What tor couldn't read would count for no client at all.
    (clients / "dummy.auth").write_text("descriptor:x25519:\n")
    fence(tmp_path)
    assert client_keys.PUBLIC_LINE.fullmatch((clients / "dummy.auth").read_text().strip())
    assert sorted(os.listdir(clients)) == ["ann.auth", "dummy.auth"]
    folders = [tmp_path / "state" / name / "authorized_clients" for name in services.FENCED]
    assert len({(folder / "dummy.auth").read_text() for folder in folders}) == len(services.FENCED)
