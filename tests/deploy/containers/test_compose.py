"""`compose.yaml` and the Dockerfiles: well-formed, and as closed as docs/containers.md says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.containers.test_env_example import read_by_the_code, setting_of

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
PROGRAMS = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "lucid-payments" in service.get("image", "")}
# Of a Pi with 4 GB the kernel, the firmware and the page cache keep this much (MiB).
A_SMALL_PI = 4096 - 500


def program(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["Dockerfile", "servers.Dockerfile"])
def test_the_dockerfiles_are_clean(name: str) -> None:
    program(str(PROGRAMS / "hadolint"), f"deploy/{name}")


def test_compose_is_what_the_specification_allows() -> None:
    program(
        str(PROGRAMS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml"
    )


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_can_do_as_little_as_possible(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not service.keys() & {"cap_add", "privileged", "devices", "pid", "ipc"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert {"mem_limit", "cpus", "pids_limit", "logging", "restart"} <= service.keys()
    assert service["restart"] in ("unless-stopped", "on-failure:3")


@pytest.mark.parametrize("name", OURS)
def test_ours_know_the_system_calls_that_they_need(name: str) -> None:
    assert "seccomp=seccomp.json" in OURS[name]["security_opt"]
    assert OURS[name]["user"] == "65532:65532"


@pytest.mark.parametrize("name", ["postgres", "valkey", "web", "worker", "signer", "beat"])
def test_what_runs_all_day_says_whether_it_is_well(name: str) -> None:
    # Web's is the image's own.
    found = SERVICES[name].get("healthcheck") or {"start_period": "30s", "test": ["CMD"]}
    assert found["start_period"] == "30s"
    assert found["test"][0] == "CMD", "there is no shell"


def test_ports_are_published_for_trying_it_out_alone() -> None:
    published = {name for name, service in SERVICES.items() if service.get("ports")}
    assert {profile for name in published for profile in SERVICES[name]["profiles"]} == {"devnet"}
    ports = [port for name in published for port in SERVICES[name]["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_planes_have_no_way_out_but_tors() -> None:
    networks = COMPOSE["networks"]
    assert {name for name, network in networks.items() if not network.get("internal")} == {"outside"}
    outside = {name for name, service in SERVICES.items() if "outside" in service.get("networks", [])}
    assert {profile for name in outside for profile in SERVICES[name]["profiles"]} <= {"tor", "devnet"}
    assert SERVICES["signer"]["networks"] == ["data"]
    assert [name for name, service in SERVICES.items() if "wallet" in service.get("networks", [])] == [
        "worker"
    ]


def test_tor_may_enter_the_folders_of_the_watchs_onions_and_never_that_of_the_gateways_figures() -> None:
    conf = (DEPLOY / "tor" / "monitoring-containers.conf").read_text()
    folders = re.findall(r"^HiddenServicePort 80 unix:(/run/lucid/\w+)/\w+\.sock$", conf, re.MULTILINE)
    assert folders == ["/run/lucid/grafana", "/run/lucid/prometheus"]
    in_tor = dict(volume.split(":")[1::-1] for volume in SERVICES["tor"]["volumes"] if "{" not in volume)
    for folder in folders:
        volume = in_tor[folder]
        makers = [
            name for name, service in SERVICES.items() if f"{volume}:{folder}" in service.get("volumes", [])
        ]
        assert [SERVICES[name]["profiles"] for name in makers if name != "tor"] == [["monitoring"]]
        options = COMPOSE["volumes"][volume]["driver_opts"]["o"]
        assert f"gid={SERVICES['tor']['group_add'][0]}," in options
    assert "/run/lucid/figures" not in in_tor
    figures = [
        name
        for name, service in SERVICES.items()
        if "figures-socket:/run/lucid/figures" in service.get("volumes", [])
    ]
    assert figures == ["gateway", "watch-door"]


def test_the_treasurys_key_is_the_signers_alone() -> None:
    for secret in ("treasury-key", "treasury-password"):
        assert [name for name, service in SERVICES.items() if secret in service.get("secrets", [])] == [
            "signer"
        ]
    owners = [
        name for name, service in SERVICES.items() if "owner-database-url" in service.get("secrets", [])
    ]
    assert owners == ["migrate"]


def test_the_second_key_of_a_rotation_reaches_the_signer_and_nobody_else() -> None:
    """Its files needn't be there on other days: a folder is mounted, and `.env` names what is in it."""
    folder = "/etc/lucid/secrets/signer"
    mounted = f"${{LUCID_SECRETS:-/etc/lucid/secrets}}/signer:{folder}:ro"
    assert [name for name, service in SERVICES.items() if mounted in service.get("volumes", [])] == ["signer"]
    example = (ROOT / ".env.example").read_text()
    named = dict(re.findall(r"^#(TREASURY_OTHER_[A-Z_]+_FILE)=(.+)$", example, re.MULTILINE))
    assert named == {
        "TREASURY_OTHER_KEY_FILE": f"{folder}/treasury-other.json",
        "TREASURY_OTHER_PASSWORD_FILE": f"{folder}/treasury-other-password",
    }


def test_secrets_are_files_and_no_value_stands_in_the_environment() -> None:
    assert all(secret["file"].startswith("${LUCID_SECRETS") for secret in COMPOSE["secrets"].values())
    known = read_by_the_code()
    for name, service in OURS.items():
        for variable in service.get("environment", {}):
            assert setting_of(variable, known) in known, (name, variable)
            assert not re.search(r"(SECRET|PASSWORD|TOKEN|_KEY|_URL)$", variable), (name, variable)


def mebibytes(service: dict[str, Any]) -> int:
    amount, unit = int(service["mem_limit"][:-1]), service["mem_limit"][-1]
    return amount * {"m": 1, "g": 1024}[unit]


def test_it_fits_a_pi_with_4_gb() -> None:
    """What runs all day; others run once, before the rest, and nobody tries things out on the real machine."""
    all_day = [
        service
        for name, service in SERVICES.items()
        if service["restart"] == "unless-stopped" and "devnet" not in service["profiles"]
    ]
    assert sum(map(mebibytes, all_day)) <= A_SMALL_PI


def test_the_system_calls_are_a_list_of_what_is_allowed() -> None:
    profile = json.loads((DEPLOY / "seccomp.json").read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    allowed = [name for rule in profile["syscalls"] for name in rule["names"]]
    assert len(allowed) == len(set(allowed))
    dangerous = {
        "ptrace",
        "mount",
        "bpf",
        "unshare",
        "setns",
        "keyctl",
        "kexec_load",
        "init_module",
        "process_vm_readv",
    }
    assert not dangerous & set(allowed)
