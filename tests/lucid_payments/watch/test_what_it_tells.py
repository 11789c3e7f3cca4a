"""What the machine, the backups and the calendar tell Prometheus; whatever can't be read reads as the worst."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.states import FAILURE, SUCCESS
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry

from lucid_payments.audit.tasks import seal
from lucid_payments.watch import backups, expiry, machine, periodic
from payouts.tasks import search, watch

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def told(collector: Any, name: str, /, **labels: str) -> float:
    """Not a number where nothing is said."""
    registry = CollectorRegistry()
    registry.register(collector)
    found = registry.get_sample_value(name, labels)
    return math.nan if found is None else found


def certificate(file: Path, *ends: datetime) -> None:
    """A PEM chain of certificates with these ends."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "payments.example")])
    file.write_bytes(
        b"".join(
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(NOW - timedelta(days=90)).not_valid_after(end)
            .sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            for end in ends
        )
    )  # fmt: skip


def test_disk_and_memory_are_shares_and_time_only_grows(settings: Any) -> None:
    settings.WATCHED_PATHS = ["/", "/nowhere/at/all"]
    collector = machine.MachineCollector()

    disk = told(collector, "lucid_disk_used_ratio", path="/")
    memory = told(collector, "lucid_memory_used_ratio")
    assert 0 < disk <= 1
    assert 0 < memory < 1
    assert math.isnan(told(collector, "lucid_disk_used_ratio", path="/nowhere/at/all"))
    before = machine.processor_times()
    busy = told(collector, "lucid_cpu_seconds_total", mode="busy")
    idle = told(collector, "lucid_cpu_seconds_total", mode="idle")
    assert before is not None
    assert busy >= before[0] > 0
    assert idle >= before[1]


def test_memory_and_processors_are_read_as_the_kernel_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "PROCESSORS", tmp_path / "stat")
    assert (machine.memory_used(), machine.processor_times()) == (None, None)
    (tmp_path / "meminfo").write_text(
        "MemTotal:        4000 kB\nMemFree:  100 kB\nMemAvailable:    1000 kB\n"
    )
    (tmp_path / "stat").write_text("cpu  100 100 100 5000 1000 50 50 0 7 7\ncpu0 1 1 1 1 1 1 1 1\n")
    assert machine.memory_used() == 0.75
    assert machine.processor_times() == (4.0, 60.0)


def test_backups_are_as_old_as_their_file_says(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "last.json"
    told_by = {
        "time": "2026-11-23T02:00:00Z",
        "archived_at": "2026-11-23T07:59:30",
        "damaged": ["wal/1", "rest/2"],
    }
    file.write_text(json.dumps({**told_by, "error": "", "kept": 10}))
    assert backups.ages_of(backups.read(file), NOW.timestamp()) == {"base": 21_600, "log": 30}

    collector = backups.BackupCollector()
    assert math.isnan(told(collector, "lucid_backup_age_seconds", kind="base")), "no file is named"
    settings.BACKUP_STATE_FILE = str(file)
    age = time.time() - NOW.timestamp() + 21_600
    assert told(collector, "lucid_backup_age_seconds", kind="base") == pytest.approx(age, abs=60)
    assert told(collector, "lucid_backup_damaged_files") == 2


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"time": 5}', '{"time": "yesterday", "damaged": 1}']
)
def test_a_backup_that_nothing_is_known_of_is_infinitely_old(
    tmp_path: Path, content: str | None, settings: Any
) -> None:
    file = tmp_path / "last.json"
    if content is not None:
        file.write_text(content)
    settings.BACKUP_STATE_FILE = str(file)
    for kind in ("base", "log"):
        assert told(backups.BackupCollector(), "lucid_backup_age_seconds", kind=kind) == math.inf
    assert told(backups.BackupCollector(), "lucid_backup_damaged_files") == 0


def test_a_certificate_ends_with_the_first_of_its_chain(tmp_path: Path, settings: Any) -> None:
    soon, late = NOW + timedelta(days=5), NOW + timedelta(days=500)
    certificate(tmp_path / "site.pem", late, soon)
    (tmp_path / "broken.pem").write_text("no certificate")
    settings.TLS_CERTIFICATE_FILES = [
        str(tmp_path / name) for name in ("site.pem", "broken.pem", "missing.pem")
    ]
    collector = expiry.ExpiryCollector()

    name = "lucid_expiry_timestamp_seconds"
    assert told(collector, name, kind="certificate", name="site.pem") == soon.timestamp()
    assert told(collector, name, kind="certificate", name="broken.pem") == 0
    assert told(collector, name, kind="certificate", name="missing.pem") == 0


def test_a_key_is_due_a_year_after_it_came_into_use(settings: Any) -> None:
    name, due = "lucid_expiry_timestamp_seconds", time.time() + 365 * 86_400
    for key in ("token", "kyc"):
        # The tests' keys were made when the tests began.
        assert told(expiry.ExpiryCollector(), name, kind="key", name=key) == pytest.approx(due, abs=7200)
    settings.KEY_ROTATION_DAYS = 1
    told_now = told(expiry.ExpiryCollector(), name, kind="key", name="token")
    assert told_now == pytest.approx(time.time() + 86_400, abs=7200)


def test_a_key_that_can_t_be_read_is_due(tmp_path: Path, settings: Any) -> None:
    settings.JWT_KEYS_DIR = str(tmp_path)
    settings.KYC_KEYS_FILE = ""
    due = told(expiry.ExpiryCollector(), "lucid_expiry_timestamp_seconds", kind="key", name="token")
    assert due == 365 * 86_400
    assert math.isnan(
        told(expiry.ExpiryCollector(), "lucid_expiry_timestamp_seconds", kind="key", name="kyc")
    )


def test_only_a_periodic_task_that_ended_well_is_noted() -> None:
    def at(task: Any) -> float:
        return float(periodic.last_success.labels(task.name)._value.get())

    periodic.note(task=seal, state=FAILURE)
    assert at(seal) == 0
    periodic.note(task=seal, state=SUCCESS)
    assert at(seal) == pytest.approx(time.time(), abs=5)
    periods = periodic.periods()
    assert {seal.name, watch.name, search.name} <= periods.keys()
    assert told(periodic.PeriodCollector(), "lucid_task_period_seconds", task=seal.name) == 1
    periodic.last_success.clear()
