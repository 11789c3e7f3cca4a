"""deploy/seccomp.json: the system calls that the processes of the image make, and no others.

`python -m tests.deploy.containers.system_calls ROOT` (the image's root, unpacked) runs the image's demo under strace
while payouts flow, adds what it sees to the file's first list, and prints what is new. `compiled` is the file as the
kernel takes it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

PROFILE: Final = Path(__file__).resolve().parents[3] / "deploy" / "seccomp.json"
CALL: Final = re.compile(r"([a-z][a-z0-9_]*)\(")
OUR_START: Final = 'execve("/usr/bin/python3"'
# What bubblewrap does before it becomes, or beside, the process that it makes.
BUBBLEWRAP: Final = ("pivot_root(", 'execve("/usr/bin/bwrap"')
# What arm64, another C library or a later Python asks for in the place of a call that was seen.
SAME_ELSEWHERE: Final = {
    "access": ("faccessat", "faccessat2"),
    "chmod": ("fchmodat",),
    "dup2": ("dup3",),
    "epoll_create1": ("epoll_create",),
    "epoll_wait": ("epoll_pwait", "epoll_pwait2"),
    "fork": ("clone", "clone3"),
    "fstat": ("newfstatat", "statx"),
    "getdents64": ("getdents",),
    "link": ("linkat",),
    "lstat": ("newfstatat", "statx"),
    "mkdir": ("mkdirat",),
    "newfstatat": ("stat", "lstat", "fstat", "statx"),
    "open": ("openat",),
    "pipe": ("pipe2",),
    "poll": ("ppoll",),
    "readlink": ("readlinkat",),
    "rename": ("renameat", "renameat2"),
    "rmdir": ("unlinkat",),
    "select": ("pselect6",),
    "stat": ("newfstatat", "statx"),
    "unlink": ("unlinkat",),
    "utimensat": ("utime", "utimes"),
    "vfork": ("clone", "clone3"),
    "accept4": ("accept",),
    "clone3": ("clone",),
    "fallocate": ("ftruncate",),
    "sendto": ("sendmsg", "sendmmsg"),
    "recvfrom": ("recvmsg", "recvmmsg"),
}
# Its flags lie in memory, where no filter sees them; the C library takes clone in its place.
NEVER: Final = {"clone3"}


def called(folder: Path) -> set[str]:
    """Names from strace's files, one a process, of what ran inside the image: not of what built its walls."""
    found: set[str] = set()
    for file in folder.iterdir():
        lines = file.read_text(errors="replace").splitlines()
        start = next((at for at, line in enumerate(lines) if line.startswith(OUR_START)), None)
        if start is None and any(mark in line for line in lines for mark in BUBBLEWRAP):
            continue
        found |= {match[1] for line in lines[start or 0 :] if (match := CALL.match(line))}
    return found


def with_the_same_elsewhere(names: Iterable[str]) -> set[str]:
    return {other for name in names for other in (name, *SAME_ELSEWHERE.get(name, ()))} - NEVER


def read() -> dict[str, Any]:
    profile: dict[str, Any] = json.loads(PROFILE.read_text())
    return profile


def write(names: set[str]) -> list[str]:
    """Put the names into the first list, which is what was seen; answers those that no list had."""
    profile = read()
    seen, *others = profile["syscalls"]
    known = {name for rule in others for name in rule["names"]}
    new = sorted(names - known - set(seen["names"]))
    seen["names"] = sorted((names | set(seen["names"])) - known)
    PROFILE.write_text(json.dumps(profile, indent=2) + "\n")
    return new


def compiled(file: Path) -> Path:
    """The profile as a program for this machine's kernel, in `file`; names that this machine hasn't are left out."""
    import pyseccomp

    profile = read()
    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(profile["defaultErrnoRet"]))
    for rule in profile["syscalls"]:
        arguments = [
            pyseccomp.Arg(given["index"], pyseccomp.MASKED_EQ, given["value"], given["valueTwo"])
            for given in rule.get("args", ())
        ]
        for name in rule["names"]:
            try:
                made.add_rule(pyseccomp.ALLOW, name, *arguments)
            except (OSError, RuntimeError, ValueError):
                continue
    with open(file, "wb") as opened:
        made.export_bpf(opened)
    return file


def watched(root: Path) -> set[str]:
    """What the demo's processes call while payouts are made, a page is opened, and each process is stopped."""
    from tests.load.client import Client
    from tests.load.stack import free_port, running

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = ("tests.deploy.containers.image_demo", str(root), "--trace", name)
        with running(free_port(), program=program, DEMO_HISTORY_DAYS="1") as stack:
            ids = Client(stack.facts).pay_many("traced", 20)
            deadline = time.monotonic() + 240
            while time.monotonic() < deadline:
                ((left,),) = stack.query(
                    "SELECT count(*) FROM payouts_payout WHERE payout_id = ANY(%s) AND status <> 'confirmed'",
                    ids,
                )
                if not left:
                    break
                time.sleep(2)
        return called(folder)


if __name__ == "__main__":
    for added in write(with_the_same_elsewhere(watched(Path(sys.argv[1])))):
        print(added)
