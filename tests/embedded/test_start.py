"""`make demo` on a machine that can't: one clear line, a status above 0, nothing left behind or removed."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from lucid_payments.embedded import home as demo_home
from lucid_payments.embedded import leftovers
from lucid_payments.embedded.environment import names_real_servers
from lucid_payments.embedded.home import MARKER, open_home
from lucid_payments.embedded.processes import started_at
from lucid_payments.embedded.refusal import CannotStart, one_clear_line
from tests.harness.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]


def run(act: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lucid_payments.embedded", act],
        cwd=REPOSITORY,
        env={**os.environ, "DEMO_DIR": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_taken_port_is_named_and_so_is_the_way_out(home: Path) -> None:
    first = free_port(also=(10, 11))
    port = first + 10
    with socket.create_server(("127.0.0.1", port)):
        done = run("start", home, DEMO_PORT=str(first))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} is taken")
    assert "DEMO_PORT" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("bad", ["80", "70000", "8080x", "-1", "８０８０"])
def test_a_port_that_is_none_is_refused(bad: str, home: Path) -> None:
    done = run("start", home, DEMO_PORT=bad)
    assert done.returncode == 1
    assert done.stderr.startswith("DEMO_PORT must be a whole number from 1024 to 65000")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_holds_something_else_is_neither_used_nor_wiped(home: Path) -> None:
    (home / "thesis.txt").write_text("ten years of work")
    for act in ("start", "reset"):
        done = run(act, home)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert os.listdir(home) == ["thesis.txt"]


def test_reset_wipes_a_demos_folder_and_no_link_out_of_it(home: Path) -> None:
    outside = home.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    open_home(home)
    (home / "secrets").mkdir()
    (home / "link").symlink_to(outside)
    assert run("reset", home).returncode == 0
    assert os.listdir(home) == [MARKER]
    assert (outside / "kept").exists()


def test_a_full_disk_is_one_clear_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9, 0))
    with pytest.raises(CannotStart, match="is full: free some space"):
        demo_home.open_home(home)
    with pytest.raises(CannotStart, match="is full"), one_clear_line(home):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_unwritable_folder_is_one_clear_line() -> None:
    with pytest.raises(CannotStart, match="/proc/lucid"):
        demo_home.open_home(Path("/proc/lucid"))


def test_servers_of_ones_own_are_named_completely_or_not_at_all() -> None:
    names = ("BROKER_URL", "CACHE_URL")
    assert names_real_servers({}, *names) is False
    assert names_real_servers({"BROKER_URL": "x", "CACHE_URL_FILE": "y"}, *names) is True
    with pytest.raises(CannotStart, match="BROKER_URL is set but not CACHE_URL"):
        names_real_servers({"BROKER_URL": "x"}, *names)


def test_a_pid_that_has_a_new_life_is_left_alone(home: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        leftovers.record(home, {"web": stranger.pid})
        record = home / leftovers.RECORD
        record.write_text(record.read_text().replace(str(started_at(stranger.pid)), "1"))
        assert leftovers.end_leftovers(home) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}', '{"processes": {"web": {}}}'])
def test_a_broken_record_ends_nothing(content: str, home: Path) -> None:
    (home / leftovers.RECORD).write_text(content)
    assert leftovers.end_leftovers(home) == []


def test_an_old_python_is_told_what_is_needed() -> None:
    script = (
        "import sys, runpy; sys.version_info = (3, 10, 4, 'final', 0); sys.argv = ['x', 'start']\n"
        "runpy.run_module('lucid_payments.embedded', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Lucid Payments needs Python 3.11, 3.12 or 3.13")
    assert done.stderr.count("\n") == 1
