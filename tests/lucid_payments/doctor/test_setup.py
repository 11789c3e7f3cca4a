"""Settings, machine, keys and doors: each check finds what it is there for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from kyc import keyring as vault_keys
from lucid_payments.audit import head_keys
from lucid_payments.doctor import backups, doors, key_files, machine, setup
from lucid_payments.doctor.examination import Finding, Verdict
from lucid_payments.gateway import configuration, folder, issuers
from lucid_payments.onion import client_keys
from payouts.tron import addresses
from tests.harness.environment import TREASURY_ADDRESS

REPOSITORY = Path(__file__).resolve().parents[3]


def told(ask: Callable[[], Iterable[Finding] | None]) -> list[Finding]:
    return list(ask() or ())


def words(ask: Callable[[], Iterable[Finding] | None], verdict: Verdict) -> str:
    return " ".join(finding.sentence for finding in told(ask) if finding.verdict is verdict)


def test_a_setting_that_cant_be_read_is_named_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=REPOSITORY, env={"LUCID_ENV": "stagign", "PATH": "/usr/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith("The settings can't be used. LUCID_ENV: 'stagign' won't do")
    assert "Traceback" not in done.stderr


def test_errors_of_the_system_checks_are_told_with_their_hints(settings: Settings) -> None:
    settings.TRON_USDT_CONTRACT = "T" * 34

    found = [one for one in told(setup.system_checks) if one.verdict is Verdict.WRONG]

    assert "isn't USDT on devnet. (payouts.E001)" in found[0].sentence
    assert found[0].do.startswith("Unset it")


def test_a_32_bit_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lucid_payments.doctor.machine.struct.calcsize", lambda kind: 4)

    assert "32-bit" in words(machine.architecture, Verdict.WRONG)


def test_other_pages_than_tried_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lucid_payments.doctor.machine.resource.getpagesize", lambda: 16_384)

    assert "16 KiB" in words(machine.architecture, Verdict.LOOK)


@pytest.mark.parametrize(("kilobytes", "limit"), [(1_900_000, None), (8_000_000, str(2 * machine.GIB))])
def test_too_little_memory_is_told_of_in_a_container_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kilobytes: int, limit: str | None
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal:  {kilobytes} kB\nMemFree: 1 kB\n")
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP_LIMIT", tmp_path / "max")
    if limit:
        (tmp_path / "max").write_text(limit + "\n")

    assert "GiB of memory" in words(machine.memory, Verdict.LOOK)


@pytest.mark.parametrize(
    ("used", "verdict"), [(50, Verdict.RIGHT), (81, Verdict.LOOK), (90, Verdict.WRONG), (99, Verdict.WRONG)]
)
def test_a_disk_that_fills_up_is_told_of_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: int, verdict: Verdict
) -> None:
    class Usage:
        total = 100 * machine.GIB

        def __init__(self) -> None:
            self.used, self.free = used * machine.GIB, (100 - used) * machine.GIB

    monkeypatch.setattr(machine, "STATE", tmp_path)
    monkeypatch.setattr("lucid_payments.doctor.machine.shutil.disk_usage", lambda folder: Usage())

    assert f"{used} % full" in words(machine.disks, verdict)


def test_a_clock_that_was_never_set_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lucid_payments.doctor.machine.time.time", lambda: 1_000_000.0)

    assert "believes it is 1970-01-12" in words(machine.clock, Verdict.WRONG)


def test_a_clock_that_nothing_sets_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "HARDWARE_CLOCKS", tmp_path)
    monkeypatch.setattr(machine, "SYNCHRONIZED", tmp_path / "synchronized")
    assert "Nothing sets this clock" in words(machine.clock, Verdict.LOOK)

    (tmp_path / "rtc0").mkdir()
    assert "hardware clock" in words(machine.clock, Verdict.RIGHT)


@pytest.fixture
def keys(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every key file, as it should be."""
    for name in key_files.PATHS:
        setattr(settings, name, "")
    for name in ("SECRET_KEY_FILE", "WEBHOOK_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    for process in ("web", "worker", "signer"):
        (tmp_path / process).mkdir(mode=0o700)
    vault_keys.create(tmp_path / "web" / "kyc-keys.json")
    settings.KYC_KEYS_FILE = str(tmp_path / "web" / "kyc-keys.json")
    (tmp_path / "worker" / "audit-seal").write_text("x" * 40)
    (tmp_path / "worker" / "audit-seal").chmod(0o400)
    settings.AUDIT_SEAL_KEY_FILE = str(tmp_path / "worker" / "audit-seal")
    head_keys.create(tmp_path / "worker" / "audit-head.pem")
    settings.AUDIT_HEAD_KEY_FILE = str(tmp_path / "worker" / "audit-head.pem")
    document = {"address": addresses.to_evm(addresses.decode(TREASURY_ADDRESS)).hex()}
    (tmp_path / "signer" / "treasury.json").write_text(json.dumps(document))
    (tmp_path / "signer" / "treasury.json").chmod(0o600)
    settings.TREASURY_KEY_FILE = str(tmp_path / "signer" / "treasury.json")
    return tmp_path


ASKED_OF_KEYS = (
    key_files.private_files,
    key_files.vault_ring,
    key_files.audit_keys,
    key_files.token_keys,
    key_files.treasury_key,
)


@pytest.mark.usefixtures("keys")
def test_keys_as_they_should_be_are_right() -> None:
    found = [finding for ask in ASKED_OF_KEYS for finding in told(ask)]

    assert {finding.verdict for finding in found} == {Verdict.RIGHT}
    assert len(found) == 5


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o420])
def test_a_key_that_others_may_read_is_wrong(keys: Path, mode: int) -> None:
    (keys / "worker" / "audit-seal").chmod(mode)

    assert f"mode {mode:04o}" in words(key_files.private_files, Verdict.WRONG)


def test_a_key_that_is_missing_is_wrong_and_a_journal_isnt(keys: Path, settings: Settings) -> None:
    settings.SIGNER_JOURNAL_FILE = str(keys / "signer" / "journal")
    assert words(key_files.private_files, Verdict.WRONG) == ""

    (keys / "worker" / "audit-seal").unlink()
    assert "AUDIT_SEAL_KEY_FILE" in words(key_files.private_files, Verdict.WRONG)


def test_a_secret_of_the_environment_is_looked_at(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (keys / "secret").write_text("x")
    (keys / "secret").chmod(0o644)
    monkeypatch.setenv("SECRET_KEY_FILE", str(keys / "secret"))

    assert "SECRET_KEY_FILE" in words(key_files.private_files, Verdict.WRONG)


def test_two_rings_of_personal_data_are_found_out(keys: Path) -> None:
    vault_keys.create(keys / "worker" / "kyc-keys.json")

    assert "has other keys than" in words(key_files.vault_ring, Verdict.WRONG)


def test_a_seal_key_that_is_too_short_is_wrong(keys: Path) -> None:
    (keys / "worker" / "audit-seal").chmod(0o600)
    (keys / "worker" / "audit-seal").write_text("short")

    assert "fewer than 32 bytes" in words(key_files.audit_keys, Verdict.WRONG)


def test_a_head_key_without_its_public_half_is_wrong(keys: Path) -> None:
    (keys / "worker" / "audit-head.pem.pub").write_text("")

    assert "nobody could verify" in words(key_files.audit_keys, Verdict.WRONG)


def test_a_ring_of_token_keys_that_isnt_there_is_wrong(keys: Path, settings: Settings) -> None:
    settings.JWT_KEYS_DIR = str(keys / "jwt")

    assert "JWT_KEYS_DIR" in words(key_files.token_keys, Verdict.WRONG)


def test_a_treasury_key_of_another_address_is_wrong(keys: Path, settings: Settings) -> None:
    settings.TREASURY_ADDRESS = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"

    assert "isn't that of TREASURY_ADDRESS" in words(key_files.treasury_key, Verdict.WRONG)


def test_tor_that_doesnt_answer_is_wrong_and_the_signer_doesnt_ask(settings: Settings) -> None:
    settings.TOR_PROXY = "socks5h://127.0.0.1:1"
    settings.SIGNER_JOURNAL_FILE = ""
    assert "nothing is paid" in words(doors.tor, Verdict.WRONG)

    settings.SIGNER_JOURNAL_FILE = "/somewhere"
    assert told(doors.tor) == []


@pytest.fixture
def onions(tmp_path: Path, settings: Settings) -> Path:
    settings.ONION_FOLDER = str(tmp_path)
    settings.ALLOWED_HOSTS = ["api.onion", "admin.onion"]
    for name in ("api", "admin"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hostname").write_text(f"{name}.onion\n")
    (tmp_path / "admin" / "authorized_clients").mkdir()
    line = client_keys.generate().public_line
    (tmp_path / "admin" / "authorized_clients" / "dummy.auth").write_text(line)
    return tmp_path


@pytest.mark.usefixtures("onions")
def test_onion_services_as_they_should_be_are_right() -> None:
    assert words(doors.onions, Verdict.RIGHT) == "api: api.onion. admin: admin.onion, fenced, for 0 clients."


def _unfence(folder: Path, settings: Settings) -> None:
    (folder / "admin" / "authorized_clients" / "dummy.auth").unlink()


def _unnamed(folder: Path, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["admin.onion"]


@pytest.mark.parametrize(
    ("break_it", "sentence"), [(_unfence, "open to everybody"), (_unnamed, "doesn't name api.onion")]
)
def test_an_onion_service_that_isnt_as_it_should_be_is_wrong(
    onions: Path, settings: Settings, break_it: Callable[[Path, Any], None], sentence: str
) -> None:
    break_it(onions, settings)

    assert sentence in words(doors.onions, Verdict.WRONG)


def test_an_onion_service_without_an_address_is_told_of(onions: Path) -> None:
    (onions / "api" / "hostname").unlink()

    assert "api has no address yet" in words(doors.onions, Verdict.LOOK)


def test_an_hsm_without_its_module_or_with_a_refused_pin_is_told_of(
    tmp_path: Path, settings: Settings
) -> None:
    settings.SIGNER_JOURNAL_FILE = str(tmp_path / "journal")
    assert told(key_files.hsm) == []
    settings.TREASURY_PKCS11_MODULE = str(tmp_path / "module.so")

    assert "module.so isn't there" in words(key_files.hsm, Verdict.WRONG)

    (tmp_path / "module.so").touch()
    assert told(key_files.hsm) == []
    (tmp_path / "journal.pin-refused").touch()
    assert "refused its PIN" in words(key_files.hsm, Verdict.WRONG)


def test_a_gateway_that_is_behind_is_wrong(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GATEWAY_TOKEN = "t" * 40
    monkeypatch.setattr(doors, "GATEWAY", tmp_path / "gateway")
    (tmp_path / "gateway").mkdir()

    assert "is behind in gateway-token.map, haproxy.cfg" in words(doors.gateway_folder, Verdict.WRONG)

    believed, _ = issuers.believed()
    for file, content in folder.wanted(configuration.configured(), believed, doors.GATEWAY).items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
    assert "knows the settings and" in words(doors.gateway_folder, Verdict.RIGHT)


@contextmanager
def answering(at: Path, answer: bytes) -> Iterator[list[bytes]]:
    """Something on a socket that answers one question so."""
    asked: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(at))
    listener.listen()

    def answer_once() -> None:
        link, _ = listener.accept()
        with link:
            asked.append(link.recv(4096))
            link.sendall(answer)

    thread = threading.Thread(target=answer_once, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        thread.join(5)
        listener.close()


@pytest.mark.parametrize(
    ("answer", "verdict", "sentence"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Verdict.RIGHT, "and the web behind it"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", Verdict.WRONG, "answers 503"),
        (b"", Verdict.WRONG, "closed without an answer"),
    ],
)
def test_the_gateway_is_asked_as_tor_asks_it(
    tmp_path: Path, settings: Settings, answer: bytes, verdict: Verdict, sentence: str
) -> None:
    settings.GATEWAY_API_SOCKET = str(tmp_path / "api.sock")

    with answering(tmp_path / "api.sock", answer) as asked:
        assert sentence in words(doors.gateway, verdict)

    assert asked[0].startswith(b"PROXY TCP6 fc00:dead:beef:4dad::")


def test_a_gateway_that_doesnt_listen_is_wrong(tmp_path: Path, settings: Settings) -> None:
    settings.GATEWAY_API_SOCKET = str(tmp_path / "api.sock")
    assert "doesn't listen" in words(doors.gateway, Verdict.WRONG)

    # Who can't see its folder can't tell.
    settings.GATEWAY_API_SOCKET = str(tmp_path / "elsewhere" / "api.sock")
    assert told(doors.gateway) == []


def written(file: Path, settings: Settings, **told: Any) -> None:
    file.write_text(json.dumps(told))
    settings.BACKUP_STATE_FILE = str(file)


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_no_backup_is_told_of(settings: Settings) -> None:
    settings.BACKUP_STATE_FILE = ""

    assert "Nothing is known of backups" in words(backups.recent, Verdict.LOOK)


def test_fresh_backups_are_right(tmp_path: Path, settings: Settings) -> None:
    written(tmp_path / "last.json", settings, time=ago(hours=3), archived_at=ago(seconds=70), damaged=[])

    assert words(backups.recent, Verdict.RIGHT).count("newest") == 2
    assert words(backups.recent, Verdict.WRONG) == ""


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"time": ago(hours=40)}, "base backup is 40 hours old"),
        ({"archived_at": ago(minutes=50)}, "log is 1 hours old"),
        ({"time": None}, "base backup isn't known"),
        ({"damaged": ["base-3.tar"]}, "base-3.tar say"),
    ],
)
def test_old_and_damaged_backups_are_wrong(
    tmp_path: Path, settings: Settings, changed: dict[str, Any], sentence: str
) -> None:
    fresh = {"time": ago(hours=3), "archived_at": ago(seconds=70), "damaged": []}
    written(tmp_path / "last.json", settings, **{**fresh, **changed})

    assert sentence in words(backups.recent, Verdict.WRONG)
