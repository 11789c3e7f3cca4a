"""`manage.py onion`: who may reach a fenced service, the fence that never falls, and what is told of tor."""

from __future__ import annotations

import base64
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.core.management import CommandError, call_command
from pytest_django import Settings

from lucid_payments.audit.models import AuditEntry
from lucid_payments.onion import services
from lucid_payments.onion.checks import check_fences
from tests.harness.socks import socks_proxy
from tests.policies import administrators

ADDRESS = "y4s2mvjeey2vjh5tbkzor773haleqm5ujh3tgva5miuywtwa37i46mid.onion"
API_ADDRESS = "lucidpaymentsxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2.onion"


@pytest.fixture
def state(tmp_path: Path, settings: Settings) -> Path:
    """tor's state folder after its first start: addresses, and the admin's fence."""
    settings.ONION_FOLDER = str(tmp_path / "tor")
    for name, address in (("api", API_ADDRESS), ("admin", ADDRESS)):
        folder = tmp_path / "tor" / name / "authorized_clients"
        folder.mkdir(mode=0o700, parents=True)
        (folder.parent / "hostname").write_text(address + "\n")
    services.service("admin").keep_dummy()
    return tmp_path / "tor"


@pytest.fixture(autouse=True)
def tor(settings: Settings) -> Iterator[None]:
    """A tor that answers."""
    with socks_proxy(("127.0.0.1", 1)) as proxy:
        settings.TOR_PROXY = f"socks5h://{proxy.address}"
        yield


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("onion", *arguments, stdout=out)
    return out.getvalue()


def clients(state: Path) -> list[str]:
    return sorted(os.listdir(state / "admin" / "authorized_clients"))


def entries() -> list[tuple[str, str, dict[str, str]]]:
    rows = AuditEntry.objects.filter(action__startswith="onion").order_by("pk")
    return [(row.action, row.actor_label, row.details) for row in rows]


def test_a_clients_key_is_a_pair_of_which_tor_gets_one_half_and_the_person_the_other(
    state: Path, db: None
) -> None:
    told = run("client", "add", "ann", "--actor", administrators()[0].username)
    shown = re.search(
        rf"{ADDRESS.removesuffix('.onion')}:descriptor:x25519:([A-Z2-7]{{52}})$", told, re.MULTILINE
    )
    assert shown
    private = X25519PrivateKey.from_private_bytes(base64.b32decode(shown[1] + "===="))
    public = base64.b32encode(private.public_key().public_bytes_raw()).decode().rstrip("=")
    file = state / "admin" / "authorized_clients" / "ann.auth"
    assert file.read_text() == f"descriptor:x25519:{public}\n"
    assert file.stat().st_mode & 0o077 == 0
    assert clients(state) == ["ann.auth", "dummy.auth"]
    listed = run("client", "list")
    assert public in listed
    assert shown[1] not in listed


def test_the_audit_log_says_who_gave_whom_a_key_and_never_the_key(state: Path, db: None) -> None:
    ann = administrators()[0]
    told = run("client", "add", "bob", "--actor", ann.username)
    run("client", "remove", "bob", "--actor", ann.username)
    assert [(action, who) for action, who, _ in entries()] == [
        ("onion_client.added", ann.username),
        ("onion_client.removed", ann.username),
    ]
    key = re.findall(r"[A-Z2-7]{52}", told)[0]
    for _, _, details in entries():
        assert (details["service"], details["client"]) == ("admin", "bob")
        assert key not in str(details)


def test_the_first_key_is_made_before_there_is_anybody_to_name(state: Path, db: None) -> None:
    run("client", "add", "ann")
    assert entries()[0][1].startswith("command line (")


def test_the_last_client_removed_leaves_the_fence(state: Path, db: None) -> None:
    run("client", "add", "ann")
    # As if somebody had tidied up.
    (state / "admin" / "authorized_clients" / "dummy.auth").unlink()
    told = run("client", "remove", "ann")
    assert clients(state) == ["dummy.auth"]
    assert "restart tor" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "add", "dummy"),
        ("client", "add", "Ann"),
        ("client", "add", "../ann"),
        ("client", "add", "a" * 41),
        ("client", "add", "carol"),
        ("client", "add", "dora", "--actor", "nobody-of-this-name"),
        ("client", "add", "dora", "--service", "grafana"),
        ("client", "add", "dora", "--out", "/nowhere/at/all"),
        ("client", "remove", "dummy"),
        ("client", "remove", "dora"),
        ("client", "remove", "../admin/authorized_clients/carol"),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_what_is_refused_changes_nothing(state: Path, db: None, arguments: tuple[str, ...]) -> None:
    run("client", "add", "carol")
    with pytest.raises(CommandError):
        run(*arguments)
    assert clients(state) == ["carol.auth", "dummy.auth"]
    assert len(entries()) == 1


def test_a_key_can_be_written_to_a_new_file_in_place_of_the_screen(
    state: Path, db: None, tmp_path: Path
) -> None:
    file = tmp_path / "ann.auth_private"
    told = run("client", "add", "ann", "--out", str(file))
    assert file.read_text().startswith(f"{ADDRESS.removesuffix('.onion')}:descriptor:x25519:")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().strip().rpartition(":")[2] not in told
    with pytest.raises(CommandError, match="can't be written"):
        run("client", "add", "bob", "--out", str(file))
    assert clients(state) == ["ann.auth", "dummy.auth"]


def test_status_tells_addresses_fences_and_clients(state: Path, db: None) -> None:
    run("client", "add", "ann")
    told = run("status")
    assert f"api: {API_ADDRESS}" in told
    assert f"admin: {ADDRESS}" in told
    assert "fenced, the dummy keeps the fence; clients: ann" in told


def test_status_fails_where_the_back_office_is_open_to_everybody(state: Path, db: None) -> None:
    (state / "admin" / "authorized_clients" / "dummy.auth").unlink()
    with pytest.raises(CommandError, match="onion fence admin"):
        run("status")
    assert [finding.id for finding in check_fences()] == ["lucid.E040"]
    run("fence")
    run("status")
    assert check_fences() == []


def test_a_client_file_that_tor_cannot_read_is_no_fence(state: Path) -> None:
    (state / "admin" / "authorized_clients" / "dummy.auth").write_text("descriptor:x25519:TOOSHORT\n")
    assert [finding.id for finding in check_fences()] == ["lucid.E040"]


def test_whoever_has_no_tor_on_this_machine_is_not_kept_from_starting(settings: Settings) -> None:
    settings.ONION_FOLDER = "/nowhere/at/all"
    assert check_fences() == []
    settings.ONION_FOLDER = ""
    assert check_fences() == []


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        onion = ADDRESS.removesuffix(".onion")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f'# HELP x\ntor_hs_pow_suggested_effort{{onion="{onion}"}} 12\n'.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def tor_metrics(settings: Settings) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", 0), Metrics) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.TOR_METRICS_URL = f"http://127.0.0.1:{server.server_address[1]}/metrics"
        yield
        server.shutdown()


def test_status_asks_tor_itself(state: Path, db: None, settings: Settings, tor_metrics: None) -> None:
    told = run("status")
    assert f"tor, at {settings.TOR_PROXY}: answers" in told
    assert f"proof of work, {ADDRESS}: clients are asked for effort 12: a flood" in told
    settings.TOR_PROXY = "socks5h://127.0.0.1:1"
    with pytest.raises(CommandError, match="doesn't answer"):
        run("status")


def test_monitoring_that_is_off_is_no_service_of_ours(state: Path, db: None) -> None:
    """The start makes its folders all the same, fenced for the day when it is on."""
    services.OnionService("grafana", state / "grafana").clients_folder.mkdir(parents=True)
    assert "grafana" not in run("status")
    assert check_fences() == []
    (state / "grafana" / "hostname").write_text(ADDRESS + "\n")
    assert [finding.id for finding in check_fences()] == ["lucid.E040"]


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web can't see tor's clients, and must start all the same."""

    def listdir(folder: object) -> list[str]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(os, "listdir", listdir)
    assert check_fences() == []
    with pytest.raises(services.OnionRefused, match="as root or as tor's user"):
        services.service("admin").clients()
