"""`make test`: runs every group of tests whose program is on this machine, and says which it left out.

Most tests need Python alone. A group that needs more has its own mark. With REQUIRE_ALL=1 a group left out
is a failure. `--prove` runs the tests marked `prove` instead, which are too long for every day.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Group:
    """Tests with the mark `name`, which need all of `programs`; each may have several names."""

    name: str
    programs: tuple[tuple[str, ...], ...]
    debian: str
    # All its tests are proofs: `make test` needs none of its programs.
    only_proves: bool = False

    def missing(self) -> list[str]:
        return [names[0] for names in self.programs if not any(shutil.which(name) for name in names)]


GROUPS = (
    Group("tronweb", (("node",), ("npm",)), "nodejs npm"),
    Group("browser", (("chromium", "chromium-browser"),), "chromium"),
    Group("tor", (("tor",),), "tor"),
    Group("haproxy", (("haproxy",),), "haproxy"),
    Group("age", (("age",),), "age"),
    Group(
        "prometheus",
        (("prometheus",), ("promtool",), ("prometheus-alertmanager",), ("amtool",)),
        "prometheus prometheus-alertmanager",
    ),
    Group("softhsm", (("softhsm2-util",),), "softhsm2"),
    Group("systemd", (("systemd-analyze",), ("systemd-sysusers",)), "systemd"),
    Group("image", (("buildah",), ("bwrap",), ("apt-get",)), "buildah bubblewrap", only_proves=True),
    Group(
        "ssh",
        (("sshd",), ("ssh",), ("rsync",), ("nc",), ("bwrap",)),
        "openssh-server openssh-client rsync netcat-openbsd bubblewrap",
        only_proves=True,
    ),
    Group(
        "emulated",
        (("buildah",), ("bwrap",), ("apt-get",), ("qemu-aarch64-static",)),
        "buildah bubblewrap qemu-user-static",
        only_proves=True,
    ),
)


def selection(left_out: Iterable[Group], *first: str) -> str:
    """pytest's `-m` expression."""
    return " and ".join([*first, *(f"not {group.name}" for group in left_out)])


def commands(left_out: Iterable[Group], *, prove: bool) -> list[list[str]]:
    """pytest's arguments of each run. What must be alone comes first, so that the whole suite's closing line
    is the last one; its tests drive whole processes, whose time coverage would take.
    """
    if prove:
        return [["-m", selection(left_out, "prove")]]
    measured = ["--cov", "--cov-append"]
    alone = ["-m", selection(left_out, "not prove", "alone")]
    workers = os.environ.get("TEST_WORKERS", "2")
    others = ["-m", selection(left_out, "not prove", "not alone"), "-n", workers, *measured]
    return [alone, [*others, "--cov-report=term:skip-covered"]]


def is_used(group: Group) -> bool:
    """Whether any test has the group's mark: a group without tests asks for no program."""
    return any(f"mark.{group.name}" in file.read_text() for file in TESTS.rglob("test_*.py"))


def install_node_modules() -> None:
    """`npm ci` in each test folder with a lock, unless what is installed is already that lock's."""
    for lock in TESTS.rglob("package-lock.json"):
        installed = lock.parent / "node_modules" / ".package-lock.json"
        if "node_modules" in lock.parent.parts:
            continue
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            subprocess.run(command, cwd=lock.parent, check=True)


def run(arguments: list[str]) -> int:
    prove = "--prove" in arguments
    rest = [argument for argument in arguments if argument != "--prove"]
    used = [group for group in GROUPS if is_used(group) and (prove or not group.only_proves)]
    left_out = [group for group in used if group.missing()]
    if any(group.name == "tronweb" and group not in left_out for group in used):
        install_node_modules()
    status = 0
    for options in commands(left_out, prove=prove):
        command = [sys.executable, "-m", "pytest", "-q", *options, *rest]
        ended = subprocess.run(command, cwd=TESTS.parent, check=False).returncode
        # Arguments may leave one of the runs without a test.
        status = status or (0 if ended == NO_TESTS_COLLECTED else ended)
    for group in left_out:
        print(f"left out: {group.name} (missing: {', '.join(group.missing())}; Debian: {group.debian})")
    if left_out and os.environ.get("REQUIRE_ALL") == "1":
        print("REQUIRE_ALL=1: a group that is left out is a failure")
        return status or 1
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
