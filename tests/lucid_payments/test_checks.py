"""System checks: what keeps staging and production from starting, one broken thing at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from lucid_payments import env
from lucid_payments.checks import check_environment, require_sound_settings
from payouts.checks import check_contract, check_other_treasury, check_treasury, check_treasury_key
from payouts.tron.networks import NETWORKS
from tests.lucid_payments.live import PRODUCTION, SECRETS, STAGING

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD_NODES = json.loads(PRODUCTION["TRON_NODES"])
PRODUCTION_SETTINGS: dict[str, Any] = {
    "LUCID_ENV": "production",
    "IS_LIVE": True,
    "TRON_NETWORK": "mainnet",
    "TRON_NODES": GOOD_NODES,
    "TOR_PROXY": "socks5h://127.0.0.1:9050",
    "GATEWAY_TOKEN": "g" * 32,
    "SECRET_KEY": SECRETS["SECRET_KEY"],
    "DEBUG": False,
    "JWT_ALGORITHM": "RS256",
    "AUDIT_SEAL_KEY_FILE": "/run/secrets/audit-seal",
    "AUDIT_HEAD_KEY_FILE": "/run/secrets/audit-head.pem",
    "DEPLOYMENT": "lucid-example",
    "ALLOWED_HOSTS": ["payments.example.onion"],
    "BANNER": "",
    "METRICS_FOLDER": Path("/run/lucid/metrics"),
    "SCREENING_LISTS": [{"name": "ofac-sdn", "format": "ofac_sdn"}],
}
STAGING_SETTINGS = {
    **PRODUCTION_SETTINGS,
    "LUCID_ENV": "staging",
    "TRON_NETWORK": "nile",
    "BANNER": "Staging",
}


@pytest.fixture(autouse=True)
def secrets_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own environment holds theirs as they are."""
    monkeypatch.setattr(env, "_in_the_open", set())


def set_all(settings: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(settings, name, value)


@pytest.mark.parametrize("values", [PRODUCTION_SETTINGS, STAGING_SETTINGS], ids=["production", "staging"])
def test_good_settings_have_no_finding(values: dict[str, Any], settings: Any) -> None:
    set_all(settings, values)
    assert check_environment() == []
    require_sound_settings()


@pytest.mark.parametrize(
    ("name", "bad", "id_"),
    [
        ("TRON_NETWORK", "devnet", "lucid.E001"),
        ("TRON_NODES", GOOD_NODES[:1], "lucid.E002"),
        ("TRON_NODES", [{**node, "operator": "one"} for node in GOOD_NODES], "lucid.E002"),
        ("TRON_NODES", [{**node, "operator": ""} for node in GOOD_NODES], "lucid.E002"),
        ("TRON_NODES", ["https://one.example"], "lucid.E002"),
        ("TOR_PROXY", "", "lucid.E003"),
        ("TOR_PROXY", "socks5h://tor:9050", "lucid.E003"),
        ("TOR_PROXY", "socks5h://localhost:9050", "lucid.E003"),
        ("TOR_PROXY", "socks5h://127.0.0.1", "lucid.E003"),
        ("TOR_PROXY", "socks5h://me@127.0.0.1:9050", "lucid.E003"),
        ("TOR_PROXY", "socks5h://9.9.9.9:9050", "lucid.E003"),
        ("TRON_NODES", [*GOOD_NODES, {**GOOD_NODES[0], "proxy": "http://127.0.0.1:8118"}], "lucid.E003"),
        ("TRON_NODES", [*GOOD_NODES, {**GOOD_NODES[0], "proxy": "socks5://127.0.0.1:9050"}], "lucid.E003"),
        ("EMAIL_HOST", "127.0.0.1", "lucid.E041"),
        ("EMAIL_HOST", "localhost", "lucid.E041"),
        ("GATEWAY_TOKEN", "", "lucid.E004"),
        ("GATEWAY_TOKEN", "short", "lucid.E004"),
        ("CIRCUIT_BREAKER_DAILY_LIMIT", 1_000_000_000, "lucid.E005"),
        ("V0_HOURLY_LIMIT", 10**12, "lucid.E005"),
        ("SECRET_KEY", "django-insecure-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7" * 2, "lucid.E006"),
        ("SECRET_KEY", "x" * 60, "lucid.E006"),
        ("DEBUG", True, "lucid.E007"),
        ("TRON_NODES", [*GOOD_NODES, {"name": "n3", "operator": "3", "url": "http://1.2.3.4"}], "lucid.E008"),
        ("JWT_ALGORITHM", "HS256", "lucid.E009"),
        ("JWT_ALGORITHM", "none", "lucid.E009"),
        ("AUDIT_SEAL_KEY_FILE", "", "lucid.E012"),
        ("AUDIT_HEAD_KEY_FILE", "", "lucid.E019"),
        ("DEPLOYMENT", "", "lucid.E020"),
        ("RATE_LIMIT_FACTOR", 10, "lucid.E013"),
        ("FAULT_POINTS_FOLDER", "/tmp/orders", "lucid.E014"),
        ("ALLOWED_HOSTS", ["*"], "lucid.E010"),
        ("ALLOWED_HOSTS", [], "lucid.E010"),
    ],
)
@pytest.mark.parametrize("values", [PRODUCTION_SETTINGS, STAGING_SETTINGS], ids=["production", "staging"])
def test_one_broken_thing_is_found_with_a_hint(
    values: dict[str, Any], name: str, bad: Any, id_: str, settings: Any
) -> None:
    set_all(settings, {**values, name: bad})
    findings = check_environment()
    assert id_ in {finding.id for finding in findings}
    assert all(finding.hint and finding.is_serious() for finding in findings)
    with pytest.raises(ImproperlyConfigured, match=id_):
        require_sound_settings()


def test_mail_without_tls_leaves_tor_for_an_onion_service_alone(settings: Any) -> None:
    set_all(settings, {**PRODUCTION_SETTINGS, "EMAIL_HOST": "mail.example", "EMAIL_USE_TLS": False})
    assert [finding.id for finding in check_environment()] == ["lucid.E041"]
    settings.EMAIL_HOST = "a" * 56 + ".onion"
    assert check_environment() == []


def test_workers_that_count_each_for_itself_are_warned_of(settings: Any) -> None:
    set_all(settings, {**PRODUCTION_SETTINGS, "METRICS_FOLDER": None})
    assert [(finding.id, finding.is_serious()) for finding in check_environment()] == [("lucid.W015", False)]
    require_sound_settings()


def test_staging_never_touches_real_money_and_shows_that_it_is_staging(settings: Any) -> None:
    set_all(settings, {**STAGING_SETTINGS, "TRON_NETWORK": "mainnet", "BANNER": ""})
    assert {finding.id for finding in check_environment()} == {"lucid.E001", "lucid.E011"}


@pytest.mark.parametrize("environment", ["demo", "test"])
def test_demo_and_test_are_free_of_everything_but_mainnet(environment: str, settings: Any) -> None:
    set_all(settings, {"LUCID_ENV": environment, "IS_LIVE": False, "DEBUG": True, "TRON_NODES": []})
    assert check_environment() == []
    settings.TRON_NETWORK = "mainnet"
    assert [finding.id for finding in check_environment()] == ["lucid.E001"]


def test_another_networks_contract_is_refused(settings: Any) -> None:
    set_all(settings, {"TRON_NETWORK": "mainnet", "TRON_USDT_CONTRACT": NETWORKS["nile"].usdt_contract})
    assert [finding.id for finding in check_contract()] == ["payouts.E001"]
    settings.TRON_USDT_CONTRACT = NETWORKS["mainnet"].usdt_contract
    assert check_contract() == []


@pytest.mark.parametrize("bad", ["", "TVgADTC7qnyy2Q2JgijCLWtwzkMRUvgjsN", NETWORKS["mainnet"].usdt_contract])
def test_a_treasury_that_is_no_address_of_ours_is_refused(bad: str, settings: Any) -> None:
    settings.TREASURY_ADDRESS = bad
    assert [finding.id for finding in check_treasury()] == ["payouts.E002"]


HSM = {
    "TREASURY_PKCS11_MODULE": "/usr/lib/hsm.so",
    "TREASURY_PKCS11_TOKEN": "treasury",
    "TREASURY_PKCS11_KEY": "key-1",
    "TREASURY_KEY_FILE": "",
}


def test_the_treasurys_key_is_in_a_file_or_whole_in_an_hsm(settings: Any) -> None:
    assert check_treasury_key() == []
    set_all(settings, HSM)
    assert check_treasury_key() == []
    for name, value in (
        {"TREASURY_KEY_FILE": "/etc/treasury.json"} | dict.fromkeys(list(HSM)[:3], "")
    ).items():
        set_all(settings, {**HSM, name: value})
        (finding,) = check_treasury_key()
        assert (finding.id, name in finding.msg) == ("payouts.E003", True)


def test_around_a_rotation_into_an_hsm_the_file_s_key_still_pays(settings: Any) -> None:
    set_all(settings, {**HSM, "TREASURY_PKCS11_KEY": "", "TREASURY_KEY_FILE": "/etc/treasury.json"})
    assert [finding.id for finding in check_treasury_key()] == ["payouts.E003"]
    settings.TREASURY_OTHER_PKCS11_KEY = "key-2"
    assert check_treasury_key() == []


def test_the_other_address_of_a_rotation_is_another_key_s(settings: Any) -> None:
    assert check_other_treasury() == []
    for bad in (settings.TREASURY_ADDRESS, "T" * 34, NETWORKS["devnet"].usdt_contract):
        settings.TREASURY_OTHER_ADDRESS = bad
        assert [finding.id for finding in check_other_treasury()] == ["payouts.E004"]
    settings.TREASURY_OTHER_ADDRESS = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"
    assert check_other_treasury() == []


def manage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`manage.py` in exactly this environment."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("environment", [PRODUCTION, STAGING], ids=["production", "staging"])
def test_djangos_own_deployment_check_is_clean(environment: dict[str, str], tmp_path: Path) -> None:
    shared = {**environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = manage("check", "--deploy", "--fail-level", "WARNING", environment=shared)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_secret_may_stand_in_the_environment_of_production() -> None:
    open_ones = {**SECRETS, "METRICS_TOKEN": "m" * 40, "EMAIL_HOST_PASSWORD": "of the mail server"}
    never_so = {
        "TREASURY_PIN": "canary-pin-4711",
        "TREASURY_PASSWORD": "of the key",
        "TRON_PRIVATE_KEY": "5a" * 32,
    }
    in_files = {
        name: value for name, value in PRODUCTION.items() if name.removesuffix("_FILE") not in SECRETS
    }
    done = manage("check", environment={**in_files, **open_ones, **never_so})

    assert done.returncode != 0
    for name, value in {**open_ones, **never_so}.items():
        assert f"(lucid.E021) {name} stands in the environment" in done.stderr
        assert f"Set {name}_FILE to a file" in done.stderr
        assert value not in done.stdout + done.stderr


def test_demo_and_test_may_have_theirs_in_the_environment(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env, "_in_the_open", {"SECRET_KEY"})
    assert check_environment() == []
    set_all(settings, PRODUCTION_SETTINGS)
    assert [finding.id for finding in check_environment()] == ["lucid.E021"]


def test_a_bad_value_stops_the_start_in_one_line_that_names_it() -> None:
    done = manage("check", environment={**PRODUCTION, "IN_FLIGHT_CAP": "many"})
    assert done.returncode != 0
    assert "IN_FLIGHT_CAP: 'many' won't do; it must be a whole number from 1 to 100000." in done.stderr


def test_a_metrics_folder_that_isn_t_there_is_named_at_the_start() -> None:
    done = manage("check", environment={**PRODUCTION, "PROMETHEUS_MULTIPROC_DIR": "/nowhere/at/all"})
    assert done.returncode != 0
    assert (
        "PROMETHEUS_MULTIPROC_DIR: '/nowhere/at/all' won't do; it must be a path that exists." in done.stderr
    )


def test_the_names_in_operators_files_are_understood() -> None:
    script = (
        "from django.conf import settings as s; print(s.TREASURY_KEY_FILE, s.CIRCUIT_BREAKER_DAILY_LIMIT, "
        "s.CIRCUIT_BREAKER_HOURLY_LIMIT, s.TOR_PROXY, s.CORS_ALLOWED_ORIGINS, s.LOG_LEVEL, s.TRON_NETWORK)"
    )
    done = manage("shell", "--no-imports", "-c", script, environment=PRODUCTION)
    assert done.stdout.split() == [
        "/run/secrets/treasury.json",
        "10000000000",
        "1000000000",
        "socks5h://127.0.0.1:9050",
        "['https://wallet.example']",
        "WARNING",
        "mainnet",
    ]


def test_a_worker_refuses_to_start_with_settings_that_the_checks_refuse() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "lucid_payments.celery:app", "worker", "--pool=solo"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **PRODUCTION, "TOR_PROXY": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "lucid.E003" in done.stderr


def test_the_web_refuses_to_start_with_settings_that_the_checks_refuse() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import lucid_payments.wsgi"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **PRODUCTION, "TOR_PROXY": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "lucid.E003" in done.stderr
