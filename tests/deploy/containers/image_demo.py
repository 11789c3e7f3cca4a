"""`make demo` with every process of ours inside the image's root, as its containers run them.

`python -m tests.deploy.containers.image_demo ROOT`: bubblewrap gives each process the read-only root, a /tmp of its
own, user 65532, no capability and no new privilege; with `--filter FILE` (a compiled deploy/seccomp.json) no other
system call than the listed ones; with `--trace FOLDER` strace writes down which ones it makes. PostgreSQL and Valkey
run outside: they have images of their own. `--emulator PROGRAM` runs web, worker, signer and beat of an image for
another processor.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from unittest import mock

from lucid_payments.embedded import __main__ as command_line
from lucid_payments.embedded import demo
from lucid_payments.embedded.processes import spawn
from lucid_payments.embedded.sockets import socket_folder
from lucid_payments.embedded.supervisor import Service
from tests.deploy.containers.test_env_example import read_by_the_code, setting_of

USER = "65532"
# What each process of the demo writes in the demo's folder; the others' parts aren't there for it.
WRITES = {
    "keys": ("secrets",),
    "world": (".",),
    "devnet": (".",),
    "signer": ("journal", "metrics", "ready"),
    "migrate": ("metrics",),
    "web": ("metrics", "web"),
    "worker": ("metrics", "ready"),
    "beat": ("beat", "metrics", "ready"),
}
# Beside the port that the demo listens on: the socket that the image's own command has, and its other options.
AS_THE_IMAGE = ["--bind=unix:{web}/web.sock", "--worker-tmp-dir=/dev/shm"]


PATIENCE_SECONDS = 1200
PYTHON = "/usr/bin/python3"
EMULATOR = "/tmp/emulator"
# What is worth the wait in an emulated processor; the rest then runs as it does in `make demo`.
EMULATED = ("web", "worker", "signer", "beat")


def name_of(command: list[str]) -> str:
    """Which process of the demo this is."""
    if "lucid_payments.wsgi:application" in command:
        return "web"
    if "sign" in command:
        return "signer"
    return next(name for name in WRITES if any(name == part.rpartition(".")[2] for part in command))


def inside(
    root: Path, home: Path, command: list[str], environment: dict[str, str], emulator: Path | None
) -> list[str]:
    """bubblewrap's command line for a process of ours."""
    sockets = socket_folder(home)
    name = name_of(command)
    options = ["bwrap", "--unshare-user", "--uid", USER, "--gid", USER, "--unshare-ipc", "--unshare-uts"]
    options += ["--unshare-pid", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"]
    options += ["--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    # The folders lie below the new /tmp.
    options += ["--ro-bind-try", str(sockets), str(sockets)]
    if name != "keys":
        options += ["--ro-bind", str(home / "secrets"), str(home / "secrets")]
    for part in WRITES[name]:
        (home / part).mkdir(exist_ok=True)
        options += ["--bind", str(home / part), str(home / part)]
    for variable, value in environment.items():
        options += ["--setenv", variable, value]
    arguments = command[1:]
    if name == "web":
        arguments += [option.format(web=home / "web") for option in AS_THE_IMAGE]
    program = [PYTHON]
    if emulator:
        options += ["--ro-bind", str(emulator), EMULATOR]
        program = [EMULATOR, PYTHON]
    return [*options, "--chdir", "/app", *program, *arguments]


def of_the_image(environment: dict[str, str]) -> dict[str, str]:
    """Our settings, as a container is given them, and what the Dockerfile sets."""
    known = read_by_the_code()
    return {
        **{name: value for name, value in environment.items() if setting_of(name, known) in known},
        "DJANGO_SETTINGS_MODULE": "lucid_payments.settings",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": "/app:/app/site",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "HOME": "/tmp",
    }


# bubblewrap takes the filter from a file that it is handed open.
WITH_FILTER = 'exec 9< "$0"; exec "$@"'


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--filter", type=Path)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--emulator", type=Path)
    given = parser.parse_args()
    home = Path(os.environ["DEMO_DIR"]).absolute()

    def spawn_inside(
        command: list[str], environment: dict[str, str], folder: Path
    ) -> subprocess.Popen[bytes]:
        if given.emulator and name_of(command) not in EMULATED:
            return spawn(command, environment, folder)
        wrapped = inside(given.root, home, command, of_the_image(environment), given.emulator)
        if given.filter:
            bwrap = [wrapped[0], "--seccomp", "9", *wrapped[1:]]
            wrapped = ["/bin/sh", "-c", WITH_FILTER, str(given.filter), *bwrap]
        if given.trace:
            wrapped = ["strace", "-ff", "-qq", "-o", str(given.trace / name_of(command)), *wrapped]
        return spawn(wrapped, dict(os.environ), folder)

    sys.argv[1:] = ["start"]
    # An emulated processor takes ten to twenty times as long.
    patient = partial(Service, patience_seconds=PATIENCE_SECONDS) if given.emulator else Service
    with mock.patch.object(demo, "spawn", spawn_inside), mock.patch.object(demo, "Service", patient):
        return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
