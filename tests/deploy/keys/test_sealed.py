"""The sealed folder: opened whole into memory by its identity or passphrase, and by nothing else."""

from __future__ import annotations

import os
import pty
import re
import select
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.deploy.keys.pages import ROOT

pytestmark = pytest.mark.age
PROGRAM = str(ROOT / "deploy" / "keys" / "sealed")
CANARY = "canary-pin-4711"
PASSPHRASE = "two people know these words"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Secrets on a disk, and the public key of an identity that is elsewhere."""
    (tmp_path / "secrets" / "signer").mkdir(parents=True, mode=0o700)
    (tmp_path / "secrets" / "signer" / "treasury-pin").write_text(CANARY)
    (tmp_path / "secrets" / "signer" / "treasury-pin").chmod(0o400)
    made = subprocess.run(
        ["age-keygen", "-o", tmp_path / "identity"], capture_output=True, text=True, check=True
    )
    (tmp_path / "recipients").write_text(re.findall(r"age1\w+", made.stderr)[0] + "\n")
    return tmp_path


def environment(machine: Path) -> dict[str, str]:
    names = {"LUCID_SECRETS": "secrets", "LUCID_SEALED": "sealed.age", "LUCID_MEMORY": "memory"}
    return {"PATH": os.environ["PATH"], **{name: str(machine / place) for name, place in names.items()}}


def sealed(machine: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment(machine),
        start_new_session=True,
    )  # fmt: skip


def at_a_terminal(machine: Path, *arguments: str, typed: str, times: int) -> int:
    """The exit status of the program for somebody who types the same words so many times."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(PROGRAM, [PROGRAM, *arguments], environment(machine))
    shown = b""
    until = time.monotonic() + 30
    while time.monotonic() < until and select.select([terminal], [], [], 30)[0]:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        if not read:
            break
        shown += read
        if times and shown.rstrip().endswith(b":"):
            os.write(terminal, typed.encode() + b"\n")
            shown, times = b"", times - 1
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def files(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(file.relative_to(folder)): (file.read_text(), stat.S_IMODE(file.stat().st_mode))
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_it_opens_with_its_identity_to_what_it_was(machine: Path) -> None:
    assert sealed(machine, "seal", "--recipients", machine / "recipients").returncode == 0
    assert CANARY.encode() not in (machine / "sealed.age").read_bytes()
    assert "./signer/treasury-pin" in sealed(machine, "check", "--identity", machine / "identity").stdout
    opened = sealed(machine, "open", "--identity", machine / "identity")
    assert (opened.returncode, opened.stderr) == (0, "")
    assert files(machine / "memory") == files(machine / "secrets") == {"signer/treasury-pin": (CANARY, 0o400)}
    assert "open already" in sealed(machine, "open", "--identity", machine / "identity").stderr


def test_without_it_nothing_opens_and_nothing_half_stays(machine: Path) -> None:
    sealed(machine, "seal", "--recipients", machine / "recipients")
    subprocess.run(["age-keygen", "-o", machine / "other"], capture_output=True, check=True)
    whole = (machine / "sealed.age").read_bytes()
    for how, damage in (
        (["--identity", machine / "other"], b""),
        ([], b""),
        (["--identity", machine / "identity"], b"x"),
    ):
        (machine / "sealed.age").write_bytes(whole[: len(whole) - 8] + damage * 8 if damage else whole)
        done = sealed(machine, "open", *how)
        assert done.returncode == 1
        assert CANARY not in done.stdout + done.stderr
        assert sorted(file.name for file in machine.iterdir() if file.name.startswith("memory")) == []


def test_a_passphrase_is_asked_for_at_the_terminal(machine: Path) -> None:
    assert at_a_terminal(machine, "seal", "--passphrase", typed=PASSPHRASE, times=2) == 0
    assert at_a_terminal(machine, "open", typed="other words", times=1) == 1
    assert not (machine / "memory").exists()
    assert at_a_terminal(machine, "open", typed=PASSPHRASE, times=1) == 0
    assert files(machine / "memory") == files(machine / "secrets")


def test_what_changed_since_is_named_until_it_is_sealed_again(machine: Path) -> None:
    sealed(machine, "seal", "--recipients", machine / "recipients")
    assert sealed(machine, "status").returncode == 0
    later = time.time() + 5
    os.utime(machine / "secrets" / "signer" / "treasury-pin", (later, later))
    told = sealed(machine, "status")
    assert told.returncode == 1
    assert "signer/treasury-pin" in told.stdout
    assert "seal it again" in told.stderr


def test_a_failed_seal_leaves_the_one_before(machine: Path) -> None:
    sealed(machine, "seal", "--recipients", machine / "recipients")
    before = (machine / "sealed.age").read_bytes()
    (machine / "nobody").write_text("no public key\n")
    assert sealed(machine, "seal", "--recipients", machine / "nobody").returncode == 1
    assert (machine / "sealed.age").read_bytes() == before
    assert [file.name for file in machine.glob("sealed.age*")] == ["sealed.age"]
