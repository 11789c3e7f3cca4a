"""`systemctl`, as far as the page and the installer use it: starts what the installed unit files say.

With user and groups, environment, credentials, network namespace, a root that is read-only but for ReadWritePaths, a
private /tmp and no way to more rights, as systemd would. What it can't give a process the package's docstring says.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from deploy.systemd import lucid
from deploy.systemd.lucid import Unit

STATE: Final = Path("/run/walk")
READY_SECONDS: Final = 180
SANDBOX: Final = """
set -eu
mount --make-rprivate /
for path in $WRITABLE; do mount --bind "$path" "$path"; done
mount -o remount,bind,ro /
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
for path in $INACCESSIBLE; do mount -t tmpfs -o mode=000,ro tmpfs "$path"; done
unset WRITABLE INACCESSIBLE
cd "$DIRECTORY"; unset DIRECTORY
exec "$@"
"""
# The sandbox's own script is nothing that the process should find in its environment.
ENTER: Final = 'all=$SANDBOX; unset SANDBOX; exec unshare --mount -- sh -c "$all" sh "$@"'


def main(arguments: list[str]) -> int:
    STATE.mkdir(exist_ok=True)
    options = [word for word in arguments if word.startswith("-")]
    match [word for word in arguments if not word.startswith("-")]:
        case [] if "--version" in options:
            print("systemd 252 (252)")
        case ["daemon-reload"] | ["disable", *_]:
            pass
        case ["enable", *units]:
            assert all((lucid.UNITS / unit).is_file() for unit in units), units
            for unit in units if "--now" in options else ():
                _start(unit)
        case ["show", unit]:
            print(_pid(_name(unit)))
        case ["start", *units]:
            for unit in units:
                _start(unit)
        case ["restart", *units]:
            for unit in units:
                _restart(unit)
        case ["reload", *units]:
            for unit in units:
                os.kill(_pid(_name(unit)), signal.SIGHUP)
        case _:
            print(f"the walk's systemctl doesn't know: {arguments}", file=sys.stderr)
            return 1
    return 0


def _name(unit: str) -> str:
    return unit.removeprefix("lucid-").removesuffix(".service")


def _pid(name: str) -> int:
    """0 where it doesn't run, as systemd says."""
    file = STATE / name
    pid = int(file.read_text()) if file.exists() else 0
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] if pid else "X"
    except OSError:
        return 0
    return 0 if state in "XZ" else pid


def _start(unit: str) -> None:
    if unit == "lucid.target":
        for line in (lucid.UNITS / unit).read_text().splitlines():
            if line.startswith("Wants="):
                for wanted in line.removeprefix("Wants=").split():
                    _start(wanted)
        return
    if unit.endswith(".timer"):
        return
    name = _name(unit)
    if not _pid(name):
        _run(Unit.read(name))


def _restart(unit: str) -> None:
    if unit.startswith("postgresql@"):
        version, cluster = unit.removeprefix("postgresql@").split("-", 1)
        subprocess.run(
            ["pg_ctlcluster", "--skip-systemctl-redirect", version, cluster, "restart"], check=True
        )
        return
    stop(_name(unit))
    _start(unit)


def stop(name: str) -> None:
    if pid := _pid(name):
        os.kill(pid, signal.SIGTERM)
        while _pid(name):
            time.sleep(0.05)


def _run(unit: Unit) -> None:
    """Until it is ready, or for a oneshot until its end; raises CalledProcessError where it ends badly."""
    folder = STATE / f"{unit.name}.credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    account = unit.account()
    for line in unit.every("LoadCredential"):
        credential, _, source = line.partition(":")
        (folder / credential).write_bytes(Path(source).read_bytes())
        (folder / credential).chmod(0o400)
        os.chown(folder / credential, account.pw_uid, account.pw_gid)
    os.chown(folder, account.pw_uid, account.pw_gid)
    told = STATE / f"{unit.name}.notify"
    environment = unit.environment(folder) | {
        "WRITABLE": " ".join(unit.every("ReadWritePaths")),
        "INACCESSIBLE": " ".join(unit.every("InaccessiblePaths")),
        "DIRECTORY": unit.last("WorkingDirectory", "/"),
    }
    listener = _listen(told) if unit.last("Type") == "notify" else None
    if listener is not None:
        environment["NOTIFY_SOCKET"] = str(told)
    start = shlex.split(unit.last("ExecStart").replace("%H", socket.gethostname()))
    command = [*unit.network(), "sh", "-c", _loopback(unit) + ENTER, "sh", *lucid.as_user(unit), *start]
    os.umask(int(unit.last("UMask", "0022"), 8))
    with (STATE / f"{unit.name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, env={**environment, "SANDBOX": SANDBOX}, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    (STATE / unit.name).write_text(str(process.pid))
    if unit.last("Type") == "oneshot":
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, command)
    elif listener is not None:
        _await(unit, listener, process)


def _loopback(unit: Unit) -> str:
    """A namespace of its own has a loopback that is down; one that is joined has it up."""
    return "ip link set lo up; " if unit.network()[:1] == ["unshare"] else ""


def _listen(at: Path) -> socket.socket:
    at.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(at))
    at.chmod(0o777)
    listener.settimeout(0.2)
    return listener


def _await(unit: Unit, listener: socket.socket, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if b"READY=1" in listener.recv(4096):
                return
        except TimeoutError:
            continue
    log = (STATE / f"{unit.name}.log").read_text(errors="replace")
    raise SystemExit(f"{unit.name} isn't ready:\n{log[-4000:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
