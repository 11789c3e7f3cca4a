"""What the kernel is asked about processes: dying with the parent, leaving root, telling two lives apart."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lucid_payments.embedded.refusal import CannotStart

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534
# Loaded before any fork: a child between fork and exec must not import or allocate more than it has to.
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send `how` when the parent ends, even by SIGKILL (call between fork and exec)."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def leave_root() -> None:
    """Become nobody in a user namespace of our own, where PostgreSQL, which refuses root, agrees to run.

    Outside the namespace the process stays root, so files keep their owner: no user is created and no mode
    changed. Raises OSError where the kernel refuses user namespaces.
    """
    if sys.version_info >= (3, 12):
        os.unshare(_CLONE_NEWUSER)
    elif _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespace refused")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_NOBODY} 0 1")
    _write("/proc/self/gid_map", f"{_NOBODY} 0 1")


def between_fork_and_exec(
    *, unprivileged: bool = False, how: signal.Signals = signal.SIGTERM
) -> Callable[[], None]:
    """A `preexec_fn`: the child dies with this process, and isn't root where `unprivileged` asks for that."""
    parent = os.getpid()
    must_leave_root = unprivileged and os.geteuid() == 0

    def prepare() -> None:
        if must_leave_root:
            leave_root()
        # After the change of credentials, which would clear it.
        die_with_parent(parent, how)

    return prepare


def spawn(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start `command` with its output on a pipe, leading a group of its own, ended when this process ends.

    Raises CannotStart when there is no such program.
    """
    try:
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=between_fork_and_exec(),
        )
    except OSError as error:
        raise CannotStart(f"{command[0]}: {error.strerror}.") from None


def started_at(pid: int) -> int | None:
    """The start of process `pid` in clock ticks since boot, or None when it is gone or a zombie.

    Pid and start together name one life of a process: a pid alone is given out again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name, in parentheses, may itself hold blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def signal_group(leader: int, which: signal.Signals) -> None:
    """Signal the process group of `leader`; one that is gone is fine."""
    try:
        os.killpg(leader, which)
    except (ProcessLookupError, PermissionError):
        return


def _write(file: str, content: str) -> None:
    with open(file, "w") as opened:
        opened.write(content)
