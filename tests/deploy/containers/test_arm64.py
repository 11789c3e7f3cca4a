"""The image for a Raspberry Pi: every program in it loads on pages of 16 KiB, and it pays, in an emulated processor."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.containers import debian, elf
from tests.deploy.containers.debian import DEBIAN_13
from tests.deploy.containers.images import Images
from tests.faults.rig import wait_until
from tests.load.client import Client
from tests.load.stack import free_port, running

pytestmark = [pytest.mark.emulated, pytest.mark.prove]

# An emulated processor takes ten to twenty times as long.
START_SECONDS = PAID_SECONDS = 1200
ANSWER_SECONDS = 600
SERVERS = ("postgresql-17", "valkey-server", "valkey-tools", "tor", "haproxy")


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    found = Images(Path(tempfile.mkdtemp(prefix="lucid-arm64-")))
    yield found
    found.remove()


@pytest.fixture(scope="module")
def root(images: Images) -> Iterator[Path]:
    with images.mounted(images.build(DEBIAN_13, "arm64")) as folder:
        yield folder


def unfit(folder: Path) -> list[str]:
    return [
        f"{file.relative_to(folder)}: {elf.machine(file)}, {elf.alignment(file)}"
        for file in elf.programs(folder)
        if elf.machine(file) != "arm64" or elf.alignment(file) < elf.PAGE_OF_A_PI_5
    ]


def test_every_program_in_it_is_for_arm64_and_loads_on_large_pages(root: Path) -> None:
    assert len(list(elf.programs(root))) > 100
    assert unfit(root) == []


def test_the_servers_load_on_large_pages(images: Images) -> None:
    """Debian's own: the images of PostgreSQL and Valkey are made of the same sources for the same kernels."""
    folder = images.folder / "servers"
    folder.mkdir()
    debian.Packages(images.folder, DEBIAN_13.name, "arm64").unpack(folder, SERVERS, closure=True)
    assert {"postgres", "valkey-check-rdb", "tor", "haproxy"} <= {file.name for file in elf.programs(folder)}
    assert unfit(folder) == []


def test_it_pays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.load.stack.START_SECONDS", START_SECONDS)
    monkeypatch.setattr("tests.load.client.ANSWER_SECONDS", ANSWER_SECONDS)
    emulator = shutil.which("qemu-aarch64-static")
    assert emulator
    program = ("tests.deploy.containers.image_demo", str(root), "--emulator", emulator)
    with running(free_port(), program=program, DEMO_HISTORY_DAYS="0") as stack:
        payout_id = Client(stack.facts).pay("emulated", "1.50")
        wait_until(
            lambda: stack.query(
                "SELECT 1 FROM payouts_payout WHERE payout_id = %s AND status = 'confirmed'", payout_id
            ),
            "not paid",
            PAID_SECONDS,
        )
