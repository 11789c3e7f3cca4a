"""The supervisor, as a process of its own: restarts what dies, stops in time, recovers from its own end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lucid_payments.embedded import supervisor
from lucid_payments.embedded.processes import started_at
from tests.embedded.conftest import processes_that_mention

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0


class SmallDemo:
    """The demo of `small_demo.py` in `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.embedded.small_demo", str(home)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )

    def pids(self) -> dict[str, int]:
        file = self.home / "demo.json"
        found: dict[str, int] = json.loads(file.read_text())["pids"] if file.exists() else {}
        return found

    def wait_until_it_stands(self) -> SmallDemo:
        assert self.supervisor.stdout is not None
        lines = []
        for line in self.supervisor.stdout:
            lines.append(line)
            if "everything stands" in line:
                return self
        raise AssertionError("".join(lines))

    def stop(self) -> str:
        self.supervisor.terminate()
        return self.supervisor.communicate(timeout=PATIENCE_SECONDS)[0]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.05)


@pytest.fixture
def demo(home: Path) -> Iterator[SmallDemo]:
    demo = SmallDemo(home)
    yield demo.wait_until_it_stands()
    if demo.supervisor.poll() is None:
        demo.stop()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_nobody_is_waited_for_longer(
    which: signal.Signals, demo: SmallDemo
) -> None:
    """Ten seconds are what a machine with time to spare needs; what each is given is the supervisor's to say."""
    assert supervisor.APPLICATION_STOP_SECONDS + supervisor.SERVER_STOP_SECONDS < 10
    assert processes_that_mention(str(demo.home)), "the application's child ignores SIGTERM"
    demo.supervisor.send_signal(which)
    output = demo.supervisor.communicate(timeout=PATIENCE_SECONDS)[0]
    assert demo.supervisor.returncode == 0
    assert "database system is shut down" in output
    assert processes_that_mention(str(demo.home)) == []
    assert demo.pids() == {}


@pytest.mark.parametrize("name", ["postgres", "valkey", "app"])
def test_a_killed_child_is_started_again(name: str, demo: SmallDemo) -> None:
    before = demo.pids()
    os.kill(before[name], signal.SIGKILL)
    until(lambda: demo.pids()[name] != before[name] and started_at(demo.pids()[name]))
    others = {other: pid for other, pid in demo.pids().items() if other != name}
    assert others == {other: pid for other, pid in before.items() if other != name}


def test_a_killed_supervisor_takes_its_children_along_and_the_next_start_ends_the_rest(
    demo: SmallDemo,
) -> None:
    children = {name: pid for name, pid in demo.pids().items() if name != "supervisor"}
    demo.supervisor.kill()
    demo.supervisor.wait()
    until(lambda: not any(started_at(pid) for pid in children.values()))
    assert processes_that_mention(str(demo.home)), "the application's child ignores SIGTERM"

    again = SmallDemo(demo.home).wait_until_it_stands()
    assert set(again.pids()) == {"supervisor", "postgres", "valkey", "app"}
    again.stop()
    assert processes_that_mention(str(demo.home)) == []


def test_a_second_supervisor_in_the_same_folder_is_refused(demo: SmallDemo) -> None:
    second = SmallDemo(demo.home)
    output = second.supervisor.communicate(timeout=PATIENCE_SECONDS)[0]
    assert second.supervisor.returncode != 0
    assert f"Process {demo.supervisor.pid} runs the demo" in output


def test_every_line_bears_its_process_name_and_stays_in_the_log(demo: SmallDemo) -> None:
    file = demo.home / "logs" / "demo.log"
    until(lambda: "app      | application says hello\n" in file.read_text())
    log = file.read_text()
    assert "demo     | postgres is ready" in log
    assert "postgres | LOG:  database system is ready to accept connections" in log


def test_demo_json_is_private_and_keeps_what_others_wrote(demo: SmallDemo) -> None:
    file = demo.home / "demo.json"
    assert file.stat().st_mode & 0o777 == 0o600
    from lucid_payments.embedded import demo_file

    demo_file.merge(file, {"base_url": "http://127.0.0.1:8080/api/payment"})
    before = demo.pids()
    os.kill(before["valkey"], signal.SIGKILL)
    until(lambda: demo.pids()["valkey"] != before["valkey"])
    assert demo_file.read(file)["base_url"] == "http://127.0.0.1:8080/api/payment"
